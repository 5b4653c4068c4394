import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError, UpstreamError } from "../../../../lib/errors.ts";
import { createFilesSecrets } from "../../../../relay/storage/files/secrets.ts";
import { unguarded } from "../../../../relay/storage/files/small-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "relay-secrets-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("ensure() makes a secret once, readable by its owner alone, with nothing left beside it", async () => {
  const deep = join(folder, "a", "b");
  const made = await createFilesSecrets(deep, unguarded).ensure("one", () => "made");
  const path = join(deep, "one");
  expect(made).toEqual({ value: "made", isNew: true, place: path, file: path });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toBe("made\n");
  expect(await readdir(deep)).toEqual(["one"]);
  expect(await createFilesSecrets(deep, unguarded).ensure("one", () => "other")).toEqual({
    ...made,
    isNew: false,
  });
});

test("several that make it at once end up with the same one", async () => {
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      createFilesSecrets(folder, unguarded).ensure("one", () => `made-${n}`),
    ),
  );
  expect(new Set(all.map(({ value }) => value)).size).toBe(1);
  expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await readdir(folder)).toEqual(["one"]);
});

test("what an operator put there is taken as it is", async () => {
  await writeFile(join(folder, "one"), "chosen by hand\n");
  expect((await createFilesSecrets(folder, unguarded).ensure("one", () => "made")).value).toBe(
    "chosen by hand",
  );
});

test.each([
  ["an empty file", "one", "it is empty"],
  ["a folder that is a file", join("one", "two"), "ENOTDIR"],
])("%s is a ConfigError", async (_claim, name, message) => {
  await writeFile(join(folder, "one"), " \n");
  const failed = createFilesSecrets(folder, unguarded).ensure(name, () => "made");
  await expect(failed).rejects.toThrow(ConfigError);
  await expect(failed).rejects.toThrow(message);
});

test("increment() counts on from what was written, one after another; what is no number counts as none", async () => {
  const secrets = createFilesSecrets(folder, unguarded);
  expect(await secrets.count("n")).toBe(0);
  expect(await Promise.all([1, 2, 3].map(() => secrets.increment("n")))).toEqual([1, 2, 3]);
  expect(await createFilesSecrets(folder, unguarded).increment("n")).toBe(4);
  await writeFile(join(folder, "n"), "nonsense");
  expect(await createFilesSecrets(folder, unguarded).count("n")).toBe(0);
});

test("a counter that cannot be written is an UpstreamError, and stays as it was", async () => {
  await writeFile(join(folder, "file"), "");
  const secrets = createFilesSecrets(join(folder, "file"), unguarded);
  await expect(secrets.increment("n")).rejects.toThrow(UpstreamError);
});
