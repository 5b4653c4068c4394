import { spawnSync } from "node:child_process";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { descriptorLimit, freeBytesOf, readTextFile, readTextOrNull } from "../../../relay/process/files.ts";

test("freeBytesOf() says how much room there is, or null where the system does not", async () => {
  expect(await freeBytesOf(tmpdir())).toBeGreaterThan(0);
  expect(await freeBytesOf("/no/such/folder")).toBeNull();
});

test("descriptorLimit() is what the system lets the process open, or null where it does not say", async () => {
  const own = await descriptorLimit();
  expect(own === null || own > 0).toBe(true);
  expect(await descriptorLimit("/no/such/file")).toBeNull();
  expect(await descriptorLimit("/dev/null")).toBeNull();
});

test("a pipe is refused in words at once, and so is a file beyond all settings; neither is waited for", async () => {
  const folder = await mkdtemp(join(tmpdir(), "relay-files-"));
  try {
    const [pipe, large, plain] = ["pipe", "large", "plain"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    spawnSync("mkfifo", [pipe]);
    await writeFile(large, "");
    await truncate(large, 16_777_217);
    await writeFile(plain, "port: 1\n");
    expect(() => readTextFile(pipe)).toThrow("it is a pipe, not a file");
    expect(() => readTextFile(large)).toThrow("the limit is 16777216");
    expect(() => readTextFile(join(folder, "none"))).toThrow("ENOENT");
    expect(readTextFile(plain)).toBe("port: 1\n");
    expect(await Promise.all([pipe, large, plain, join(folder, "none")].map(readTextOrNull))).toEqual([
      null,
      null,
      "port: 1\n",
      null,
    ]);
    expect(readTextFile("/dev/null")).toBe("");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
