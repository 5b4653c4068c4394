import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ConfigError, InvariantError, messageOf, systemCode, UpstreamError } from "../../lib/errors.ts";

test("ConfigError says every problem with its path", () => {
  const error = new ConfigError([
    { path: "server.port", message: "must be a number" },
    { path: "", message: "unknown option" },
  ]);
  expect(error.message).toBe("server.port: must be a number\nunknown option");
  expect(error).toMatchObject({ name: "ConfigError", code: "config" });
});

test("UpstreamError says what is unknown with null", () => {
  expect(new UpstreamError("timeout", "too late", { retryable: true })).toMatchObject({
    name: "UpstreamError",
    code: "timeout",
    status: null,
    retryable: true,
    retryAfterMs: null,
  });
  expect(new UpstreamError("http", "no", { status: 429, retryable: true, retryAfterMs: 5 })).toMatchObject({
    status: 429,
    retryAfterMs: 5,
  });
});

test("InvariantError is a family of its own", () => {
  expect(new InvariantError("never")).toMatchObject({ name: "InvariantError", code: "invariant" });
});

test("messageOf() of anything that was thrown", () => {
  expect(messageOf(new Error("broken"))).toBe("broken");
  expect(messageOf("text")).toBe("text");
  expect(messageOf(undefined)).toBe("undefined");
});

test("systemCode() is the code of a system error, else null", () => {
  let thrown: unknown;
  try {
    readFileSync("/nowhere/at/all");
  } catch (error) {
    thrown = error;
  }
  expect(systemCode(thrown)).toBe("ENOENT");
  expect(systemCode(new Error("x"))).toBeNull();
  expect(systemCode("ENOENT")).toBeNull();
});
