import { expect, test } from "vitest";
import { unexpectedText } from "../../lib/unexpected.ts";

const mask = (text: string): string => text.replaceAll("sesame", "***");

test("unexpectedText() is one line without secrets, with the error's kind, code and place", () => {
  const error = Object.assign(new TypeError("Invalid URL\n  at http://svc:sesame@proxy"), {
    code: "ERR_INVALID_URL",
    input: "http://svc:sesame@proxy",
  });
  error.stack = `${String(error.stack)}\n    at read (file:///app/component/cli/cli.ts:12:3)`;
  const text = unexpectedText(error, mask);
  expect(text).toMatch(
    /^unexpected TypeError ERR_INVALID_URL: Invalid URL {3}at http:\/\/svc:\*\*\*@proxy \(at /,
  );
  expect(text).not.toMatch(/sesame|\n/);
});

test("unexpectedText() leaves the message out as long as no secret is known", () => {
  expect(unexpectedText(new RangeError("sesame"), null)).toMatch(
    /^unexpected RangeError( \(at .*\))?; please report it$/,
  );
  expect(unexpectedText("sesame", null)).not.toContain("sesame");
});
