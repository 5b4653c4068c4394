import { describe, expect, test } from "vitest";
import { readRubyList } from "../../../component/options/ruby-list.ts";
import { rubyGsub, rubyInspect } from "../../helpers/gitlab-interpolation.ts";
import { fc } from "../../helpers/properties.ts";

const BLOCK = "$[[ inputs.list ]]";

/** A list as it arrives in a job. */
function arrived(items: readonly unknown[]): string {
  return rubyGsub(`${BLOCK} `, BLOCK, rubyInspect(items)).trimEnd();
}

describe("rubyInspect() and rubyGsub()", () => {
  test.each([
    [["a", "b c"], '["a", "b c"]'],
    [['it\'s "odd"'], '["it\'s \\"odd\\""]'],
    [["a\\d"], '["a\\d"]'],
    [["a\\\\d"], '["a\\\\d"]'],
    [["#{x} #x $x #$x"], '["\\#{x} #x $x \\#$x"]'],
    [["\\#{x}"], '["\\\\#{x}"]'],
    [["a\nb\u200b"], '["a\\nb\\u200B"]'],
    [[null, 1, true], "[nil, 1, true]"],
    [[{ if: "$A == 'b'", when: "always" }], '[{"if"=>"$A == \'b\'", "when"=>"always"}]'],
    [[], "[]"],
  ])("%j arrives as %s", (items, text) => {
    expect(arrived(items)).toBe(text);
  });
});

describe("readRubyList()", () => {
  test.each([
    [["acme/apps/**", "!acme/{a,b}/*"]],
    [["C:\\Dir", "\\d+", "\\&", "\\'", "\\0", "a\\users"]],
    [["a\\", "b\\", '"', '\\"', "\\#{x}", "\\#x", "#{x}"]],
    [["a\\\\d", "\\\\"]],
    [["", " ", ", ", '", "', "]", "]\\"]],
    [["é😀 #$x"]],
    [[]],
  ])("%j is read back", (items) => {
    expect(readRubyList(arrived(items))).toEqual({ items });
  });

  test("nil is null; numbers and booleans are texts", () => {
    expect(readRubyList(arrived([null, 42, true, "a"]))).toEqual({ items: [null, "42", "true", "a"] });
  });

  test.each([["a\nb"], ["a\\nb"], ["\\u00e9".toUpperCase().replace("U", "u")], ["\u200b"]])(
    "%j could be two things",
    (item) => {
      expect(readRubyList(arrived([item]))).toEqual({ problem: "ambiguous" });
    },
  );

  test.each(['["a"', '["a",]', '["pa"ss"]', '[{"a"=>"b"}]', '[["a"]]', "", "a", '["a" "b"]', '["a"] '])(
    "%s is no list of texts",
    (text) => {
      expect(readRubyList(text)).toEqual({ problem: "other-notation" });
    },
  );

  test("a list of any texts is read back as it was, or refused: never as another one", () => {
    const unit = fc.constantFrom(
      "\\",
      '"',
      "#",
      "{",
      "$",
      ",",
      " ",
      "]",
      "[",
      "n",
      "x41",
      "u0041",
      "a",
      "\n",
      "'",
      "0",
    );
    const item = fc.oneof(
      fc.array(unit, { maxLength: 6 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), (items) => {
        const read = readRubyList(arrived(items));
        if ("items" in read) expect(read.items).toEqual(items);
        else expect(read.problem).toBe("ambiguous");
      }),
      { numRuns: 20_000 },
    );
  });

  test("what holds no escape of Ruby is always read back", () => {
    const unit = fc.constantFrom('"', "#", "{", "$", "@", ",", " ", "]", "é", "/", "*", "a", "'", "!", ":");
    const item = fc.array(unit, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(item, { maxLength: 6 }), (items) => {
        expect(readRubyList(arrived(items))).toEqual({ items });
      }),
      { numRuns: 5000 },
    );
  });

  test("a long list is read in a moment, and so is one that is made to be slow", () => {
    const items = Array.from({ length: 5000 }, (_, n) => `acme/app-${n}`);
    const started = performance.now();
    expect(readRubyList(arrived(items))).toEqual({ problem: "other-notation" });
    expect(readRubyList(arrived(items.slice(0, 2000)))).toEqual({ items: items.slice(0, 2000) });
    readRubyList(`[${'"\\", '.repeat(10_000)}"a"]`);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
