import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { freeBytesOf } from "../../../relay/process/files.ts";

test("freeBytesOf() says how much room there is, or null where the system does not", async () => {
  expect(await freeBytesOf(tmpdir())).toBeGreaterThan(0);
  expect(await freeBytesOf("/no/such/folder")).toBeNull();
});
