import { expect, test } from "vitest";
import { firstSentence } from "../../scripts/docs/test-helpers.ts";

test.each([
  ["/** One line: with more behind. */\n", "One line."],
  ["/** One line */\n", "One line"],
  ["/**\n * Two lines of\n * one sentence. And another.\n */\n", "Two lines of one sentence."],
  ["/** Takes a.b | c. */\n", "Takes a.b \\| c."],
])("firstSentence() of %j", (text, sentence) => expect(firstSentence("x.ts", text)).toBe(sentence));

test("firstSentence() refuses a file that does not say what it is", () => {
  expect(() => firstSentence("x.ts", "export {};\n")).toThrow("x.ts has no header comment");
});
