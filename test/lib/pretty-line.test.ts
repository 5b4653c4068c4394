import { expect, test } from "vitest";
import { prettyLine } from "../../lib/pretty-line.ts";

const line = (fields: object): string =>
  `${JSON.stringify({ level: "info", time: "2026-01-31T14:02:33.123Z", event: "webhook.accepted", ...fields })}\n`;

test("prettyLine() is one short line: time, event, fields", () => {
  expect(prettyLine(line({ id: "01m8", kind: "push", n: 3, note: "two words" }), { hasColour: false })).toBe(
    '14:02:33 webhook.accepted       id=01m8 kind=push n=3 note="two words"\n',
  );
});

test("prettyLine() names the level of warnings and errors, in their colour", () => {
  expect(prettyLine(line({ level: "warn" }), { hasColour: false })).toBe("14:02:33 warn webhook.accepted\n");
  expect(prettyLine(line({ level: "error" }), { hasColour: true })).toContain("\u001b[31merror ");
});

test("prettyLine() lets no text of a line steer the terminal", () => {
  const nasty = "\u001b[2J\u009b31m\r\n\u202Eevil\u0007";
  const pretty = prettyLine(line({ title: nasty, [nasty]: nasty }), { hasColour: false });
  expect(pretty.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(pretty.split("\n")).toHaveLength(2);
});

test("prettyLine() cuts long values, and leaves alone what is no JSON object", () => {
  expect(prettyLine(line({ text: "x".repeat(5000) }), { hasColour: false }).length).toBeLessThan(400);
  for (const other of ["not JSON\n", '"text"\n', "[1]\n", '{"torn": "***\n'])
    expect(prettyLine(other, { hasColour: true })).toBe(other);
});
