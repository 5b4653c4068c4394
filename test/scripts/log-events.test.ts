import { describe, expect, test } from "vitest";
import { logEventsOf } from "../../scripts/structure/log-events.ts";
import { readTexts } from "../../scripts/structure/sources.ts";

describe("logEventsOf()", () => {
  test("reads name, level and fields of each call, whatever the log is reached by", () => {
    const text = `
      log.info("a.b", { one: 1, two });
      this.#log.warn(isNew ? "c.made" : "c.found");
      deps.log.error("d.failed", { error: messageOf(error), stack });`;
    expect(logEventsOf("x.ts", text)).toEqual({
      problems: [],
      events: [
        { name: "a.b", level: "info", fields: ["one", "two"], file: "x.ts" },
        { name: "c.made", level: "warn", fields: [], file: "x.ts" },
        { name: "c.found", level: "warn", fields: [], file: "x.ts" },
        { name: "d.failed", level: "error", fields: ["error", "stack"], file: "x.ts" },
      ],
    });
  });

  test.each([
    ["log.info(`webhook.${status}`)", "not written as a literal"],
    ["log.warn('queue.write_failed')", "not lower case with dots and hyphens"],
    ["log.warn('Journal.failed')", "not lower case with dots and hyphens"],
    ["log.warn('failed')", "not lower case with dots and hyphens"],
    ["log.warn('a.failed', { reason: messageOf(error) })", 'use "error"'],
  ])("refuses %s", (text, problem) => {
    expect(logEventsOf("x.ts", text).problems).toEqual([expect.stringContaining(problem)]);
  });

  test("leaves alone what is no log", () => {
    expect(logEventsOf("x.ts", `console.info(name); catalog.info("x"); log.child({ a: 1 });`)).toEqual({
      events: [],
      problems: [],
    });
  });
});

test("every log event of the relay has a literal name in the one style, and its error in `error`", () => {
  const problems = ["lib", "relay"]
    .flatMap(readTexts)
    .flatMap(({ file, text }) => logEventsOf(file, text).problems);
  expect(problems).toEqual([]);
});
