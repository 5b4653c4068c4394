import { expect, test } from "vitest";
import { cut, cutMasked } from "../../lib/cut.ts";

const mask = (text: string): string => text.replaceAll("HUNTER-SECRET", "***");

test("cut() leaves what fits, and says how long the rest was", () => {
  expect(cut("abc", 3)).toBe("abc");
  expect(cut("abcd", 3)).toBe("abc… (4 characters)");
  expect(cut("ab😀", 3)).toMatch(/^ab\uFFFD… /);
});

test.each([0, 1, 5, 13, 14, 20, 4096, 4100, 4110])(
  "cutMasked() shows no part of a secret that begins %i characters before any end",
  (before) => {
    for (const end of [100, 100 + 4096]) {
      const at = Math.max(0, end - before);
      const text = `${"x".repeat(at)}HUNTER-SECRET${"y".repeat(10_000)}`;
      expect(cutMasked(text, 100, mask)).not.toMatch(/[A-Z]/);
    }
  },
);

test("cutMasked() shows nothing of a secret where masks before it made room", () => {
  const text = "HUNTER-SECRET".repeat(1000);
  for (let limit = 4090; limit < 4110; limit += 1) expect(cutMasked(text, limit, mask)).not.toMatch(/[A-Z]/);
});

test("cutMasked() looks at the beginning alone", () => {
  let seen = 0;
  cutMasked("x".repeat(1_000_000), 100, (text) => {
    seen = text.length;
    return text;
  });
  expect(seen).toBeLessThan(10_000);
});
