import { expect, test } from "vitest";
import { descriptorLimit } from "../../../relay/process/files.ts";

test("descriptorLimit() is what the system lets the process open, or null where it does not say", async () => {
  const own = await descriptorLimit();
  expect(own === null || own > 0).toBe(true);
  expect(await descriptorLimit("/no/such/file")).toBeNull();
  expect(await descriptorLimit("/dev/null")).toBeNull();
});
