import { afterEach, describe, expect, test, vi } from "vitest";
import { available, hasCommand } from "./tools.ts";

afterEach(() => vi.unstubAllEnvs());

describe("available()", () => {
  test("lets tests be skipped for a missing tool", () => {
    vi.stubEnv("REQUIRE_TOOLS", "");
    expect(available("hammer", false)).toBe(false);
    expect(hasCommand("no-such-command-here", "--version")).toBe(false);
  });

  test("throws for a missing tool, and only for that, with REQUIRE_TOOLS=1", () => {
    vi.stubEnv("REQUIRE_TOOLS", "1");
    expect(() => available("hammer", false)).toThrow("hammer is missing");
    expect(() => hasCommand("no-such-command-here", "--version")).toThrow("no-such-command-here is missing");
    expect(available("hammer", true)).toBe(true);
    expect(hasCommand("git", "--version")).toBe(true);
  });
});
