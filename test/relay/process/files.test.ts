import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { descriptorLimit, freeBytesOf, readTextOrNull } from "../../../relay/process/files.ts";

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

test("readTextOrNull() is null where a file cannot be read", async () => {
  expect(await readTextOrNull("/no/such/file")).toBeNull();
  expect(await readTextOrNull("/dev/null")).toBe("");
});
