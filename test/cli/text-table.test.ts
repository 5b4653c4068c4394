import { expect, test } from "vitest";
import { plain, textTable } from "../../cli/text-table.ts";

test("plain() leaves nothing that a terminal obeys, nor marks that turn its order around", () => {
  expect(plain("a\u0007\u001b[2Jb\u001b]0;title\u0007c\td\ne\u202ef\u2066g\u200fh\ufeff")).toBe("abc d efgh");
});

test("textTable() puts columns side by side, and cuts at the width", () => {
  expect(
    textTable(
      ["ID", "TITLE"],
      [
        ["1", "one"],
        ["23", "a long title"],
      ],
      12,
    ),
  ).toBe("ID  TITLE\n1   one\n23  a long …\n");
});
