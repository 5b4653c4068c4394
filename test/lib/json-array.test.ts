import { expect, test } from "vitest";
import { withoutArray } from "../../lib/json-array.ts";
import { fc } from "../helpers/properties.ts";

/** What is left of `{"a":<array>}` and how many bytes were taken out; null: it gave up. */
function cut(array: string): string | null {
  const text = Buffer.from(`{"a":${array},"b":1}`, "utf8");
  return withoutArray(text, 5)?.rest.toString("utf8") ?? null;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test.each([
  ["empty", "[]"],
  ["of plain values", '[1,-0,2.5,1e3,1E-3,-0.5e+10,true,false,null,"","text"]'],
  ["of arrays and objects", '[[],{},[[]],[{}],{"a":{}},{"a":[],"b":[{"c":[1]}]},[[[1]],2]]'],
  ["of strings with brackets and quotes", '["]","[","}","\\"]","\\\\","a\\\\\\"]"]'],
  [
    "of strings of every length",
    JSON.stringify(Array.from({ length: 40 }, (_, length) => "x".repeat(length))),
  ],
  ["of every escape", '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\ude00\\ud800"]'],
  ["of characters of two to four bytes", '["äöü","€","𝄞"]'],
  ["30 deep", `${"[".repeat(31)}1${"]".repeat(31)}`],
])("withoutArray() takes out an array %s", (_claim, array) => {
  expect(cut(array)).toBe('{"a":[],"b":1}');
});

test.each([
  ["a comma at its end", "[1,]"],
  ["no comma", '["a""b"]'],
  ["a comma only", "[,]"],
  ["no end", "[1"],
  ["another end", "[1}"],
  ["an object that ends as an array", '[{"a":1]]'],
  ["a key without a value", '[{"a"}]'],
  ["a key without quotes", "[{a:1}]"],
  ["a comma behind the last member", '[{"a":1,}]'],
  ["a control character in a string", '["a\u0001"]'],
  ["a line end in a string", '["abcdefgh\n"]'],
  ["an unknown escape", '["\\x"]'],
  ["an escape of three digits", '["\\u004"]'],
  ["a leading zero", "[01]"],
  ["a plus sign", "[+1]"],
  ["a point at the end", "[1.]"],
  ["an exponent without digits", "[1e]"],
  ["a minus alone", "[-]"],
  ["a word that is none", "[nul]"],
  ["a word that goes on", "[truex]"],
])("withoutArray() refuses an array with %s", (_claim, array) => {
  expect(isJson(array)).toBe(false);
  expect(cut(array)).toBeNull();
});

test.each([
  ["white space", "[1, 2]"],
  ["deep nesting", `${"[".repeat(32)}1${"]".repeat(32)}`],
  ["a long text", JSON.stringify(["x".repeat(300_000)])],
])("withoutArray() leaves %s to JSON.parse", (_claim, array) => {
  expect(isJson(array)).toBe(true);
  expect(cut(array)).toBeNull();
});

test("withoutArray() reads nothing that an earlier text left behind", () => {
  expect(cut(JSON.stringify(["x".repeat(100), "y"]))).not.toBeNull();
  for (const array of ['["xx', '["x\\', '["x\\u00', "[1", "[tru", '[{"a"']) {
    expect(withoutArray(Buffer.from(`{"a":${array}`), 5)).toBeNull();
  }
});

test("withoutArray() takes no array that JSON.parse refuses, whatever byte of it is changed", () => {
  const changed = fc.record({
    value: fc.array(fc.jsonValue({ maxDepth: 3 })),
    at: fc.nat(),
    byte: fc.oneof(fc.constantFrom(...Buffer.from('"\\,:[]{}01-.eE+ntu\u0000\n ')), fc.nat({ max: 127 })),
  });
  fc.assert(
    fc.property(changed, ({ value, at, byte }) => {
      const array = Buffer.from(JSON.stringify(value), "utf8");
      array[at % array.length] = byte;
      const text = Buffer.concat([Buffer.from('{"a":'), array, Buffer.from("}")]);
      if (array[0] !== 0x5b) return;
      const found = withoutArray(text, 5);
      if (found === null) return;
      expect(isJson(text.toString("utf8", 5, found.end))).toBe(true);
      expect(found.rest.toString("latin1")).toBe(`{"a":[]${text.toString("latin1", found.end)}`);
    }),
    { numRuns: 1000 },
  );
});
