import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile, writeTemporary } from "../../../../relay/storage/files/small-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "relay-small-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("writeTemporary() leaves no file if the write fails", async () => {
  // The system refuses to write only when a disk is full; Node refuses what is no text, at the same step.
  const unwritable = 5 as unknown as string;
  await expect(writeTemporary(join(folder, "one"), unwritable)).rejects.toThrow(TypeError);
  expect(await readdir(folder)).toEqual([]);
});

test("replaceFile() leaves no temporary file if the name cannot be taken", async () => {
  await mkdir(join(folder, "one", "within"), { recursive: true });
  await expect(replaceFile(join(folder, "one"), "text")).rejects.toThrow("EISDIR");
  expect(await readdir(folder)).toEqual(["one"]);
});
