import { expect, test } from "vitest";
import { plain, textTable } from "../../cli/text-table.ts";

test("plain() leaves nothing that a terminal obeys, nor marks that turn its order around", () => {
  expect(plain("a\u0007\u001b[2Jb\u001b]0;title\u0007c\td\ne\u202ef\u2066g\u200fh\ufeff")).toBe("abc d efgh");
});

const HEAD = ["ID", "STATE", "TITLE"];
const ROWS = [
  ["1", "done", "one"],
  ["23", "dead", "a title that is quite long"],
  ["4", "dead", ""],
];

test("textTable() puts columns side by side, and cuts at the width", () => {
  expect(textTable(HEAD, ROWS, 36)).toBe(
    "ID  STATE  TITLE\n1   done   one\n23  dead   a title that is quite lo…\n4   dead\n",
  );
  expect(textTable(HEAD, ROWS, Infinity)).toContain("23  dead   a title that is quite long\n");
});

test("textTable() puts the last column below the others if there is no room beside them", () => {
  expect(textTable(HEAD, ROWS, 30)).toBe(
    "ID  STATE\n    TITLE\n1   done\n    one\n23  dead\n    a title that is quite long\n4   dead\n",
  );
  expect(textTable(HEAD, ROWS, 20)).toContain("23  dead\n    a title that is…\n");
});
