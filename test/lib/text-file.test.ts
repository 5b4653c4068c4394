import { spawnSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAX_TEXT_BYTES, readTextFile, readTextFileLater } from "../../lib/text-file.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "text-file-"));
  spawnSync("mkfifo", [at("pipe")]);
  await writeFile(at("large"), "");
  await truncate(at("large"), MAX_TEXT_BYTES + 1);
  await writeFile(at("full"), "");
  await truncate(at("full"), MAX_TEXT_BYTES);
  await writeFile(at("plain"), "port: 1\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([
  ["readTextFile()", (path: string) => Promise.resolve().then(() => readTextFile(path))],
  ["readTextFileLater()", readTextFileLater],
])("%s", (_, read) => {
  test("reads a file, one of the largest size and the empty device, too", async () => {
    expect(await read(at("plain"))).toBe("port: 1\n");
    expect(await read(at("full"))).toHaveLength(MAX_TEXT_BYTES);
    expect(await read("/dev/null")).toBe("");
  });

  test.each([
    ["pipe", "it is a pipe, not a file"],
    ["large", `the limit is ${MAX_TEXT_BYTES}`],
    ["none", "ENOENT"],
    ["", "EISDIR"],
  ])("refuses %j in words at once: %s", async (name, words) => {
    await expect(read(at(name))).rejects.toThrow(words);
  });

  test("stops at the limit where a device does not end", async () => {
    await expect(read("/dev/zero")).rejects.toThrow("does not end within");
  });
});
