import { expect, test } from "vitest";
import { oneLine } from "../../lib/one-line.ts";

test.each([
  ["a\r\nb\nc\td", "a b c d"],
  ["\u001b[31mred\u001b[0m", "[31mred[0m"],
  ["\u001b]8;;https://evil.example\u0007here", "]8;;https://evil.examplehere"],
  ["a\u0085b\u2028c\u2029d", "a b c d"],
  ["abc\u202Etxt.exe", "abctxt.exe"],
  ["\u009b2J gone", "2J gone"],
  ["Zürich — 日本 👩‍💻", "Zürich — 日本 👩‍💻"],
])("oneLine(%j) is %j", (text, line) => {
  expect(oneLine(text)).toBe(line);
});
