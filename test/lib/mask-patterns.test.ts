import { expect, test } from "vitest";
import { DEFAULT_MASK_PATTERNS, maskPattern } from "../../lib/mask-patterns.ts";
import { MASK } from "../../lib/log.ts";

const REAL: readonly (readonly [string, string])[] = [
  ["an access token of GitLab", "glpat-abcdefghij0123456789"],
  ["a signing token", `whsec_${Buffer.alloc(32, 7).toString("base64")}`],
  ["a token of GitHub", `ghp_${"a1".repeat(18)}`],
  ["a token of Slack", "xoxb-123456789012-abcdef"],
  ["an access key of AWS", "AKIAABCDEFGHIJKLMNOP"],
  ["a JSON web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc-DEF_123"],
  ["an incoming webhook of Slack", "https://hooks.slack.com/services/T012AB3C4/B012AB3C4/abcDEF123456"],
  ["an incoming webhook of Mattermost", "/hooks/abcdefghijklmnopqrstuvwxyz"],
  ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
  ["the beginning of a private key", "-----BEGIN PRIVATE KEY-----\nMIIE"],
];

const masked = (text: string): string =>
  DEFAULT_MASK_PATTERNS.reduce((left, source) => maskPattern(source).replaceAll(left, MASK), text);

test.each(REAL)("maskPattern() finds %s, alone and in a sentence", (_name, text) => {
  expect(masked(text)).toBe(MASK);
  expect(masked(`use ${text}`)).toBe(`use ${MASK}`);
});

test("maskPattern() of a source of the operator's is matched by RE2: what it replaces is taken as it is", () => {
  expect(maskPattern("(a+)+b").replaceAll("xaab", "$1\\")).toBe("x$1\\");
});

// What each pattern begins with, and whatever may stand between such beginnings.
const BEGINNINGS = [
  "gla-",
  "glpat-",
  "whsec_",
  "ghp_",
  "xoxb-",
  "AKIA",
  "eyJ",
  "eyJ-",
  "eyJaaaaaaaaaa.",
  "https://hooks.slack.com/services/",
  "/hooks/",
  "-----BEGIN ",
]
  .concat([
    "-----BEGIN A PRIVATE KEY-----",
    "PRIVATE KEY ",
    "-----BEGIN PRIVATE KEY-----\n-----END ",
    "eyJaaaaaaaaaa.aaaaaaaaaa.",
  ])
  .flatMap((beginning) => ["", " ", "-", ".", "a", "/"].map((between) => beginning + between));

test("the built-in patterns take at most eight times as long for four times as much of their own beginnings", () => {
  const msOf = (text: string): number => {
    let least = Infinity;
    for (let run = 0; run < 3; run += 1) {
      const began = performance.now();
      masked(text);
      least = Math.min(least, performance.now() - began);
    }
    return least;
  };
  for (const beginning of BEGINNINGS) {
    const [small, large] = [32, 128].map((kb) => msOf(beginning.repeat((kb * 1024) / beginning.length)));
    // Below a few milliseconds the clock says more about the machine than about the pattern.
    expect([beginning, large! <= Math.max(8 * small!, 10)]).toEqual([beginning, true]);
  }
});
