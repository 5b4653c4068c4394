/**
 * Shapes of credentials that no setting holds: what they look like in commit messages, comments and job logs. The built-in ones
 * are matched by the JavaScript engine, which costs a log line a tenth of what RE2 costs; each is linear (tested with 128 KB of
 * its own beginnings). Those of an operator are matched by RE2.
 */
import { compilePattern, type Pattern } from "./pattern.ts";

export const DEFAULT_MASK_PATTERNS: readonly string[] = [
  "\\bgl[a-z]{1,6}-[\\w-]{20,}",
  "\\bwhsec_[A-Za-z0-9+/=]{32,}",
  "\\bgh[pousr]_[A-Za-z0-9]{36,}",
  "\\bxox[abprs]-[\\w-]{10,}",
  "\\bAKIA[0-9A-Z]{16}\\b",
  "\\beyJ[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]+",
  // Incoming webhooks of Slack and Mattermost: who knows the address may post.
  "\\bhttps://hooks\\.slack\\.com/[a-z]+/[\\w/-]+",
  "/hooks/[a-z0-9]{26}\\b",
  "-----BEGIN [A-Z ]*PRIVATE KEY-----[\\s\\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
];

/** What the JavaScript engine runs in place of a built-in source that it would match in quadratic time. */
const LINEAR_FORMS: ReadonlyMap<string, string> = new Map([
  // A token begins where no word goes on: each run of word characters is looked at once, not from each of its beginnings.
  ["\\beyJ[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]+", "(?<![\\w-])eyJ[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]+"],
]);

/** @param source built in, or one in which patternProblem() finds nothing */
export function maskPattern(source: string): Pattern {
  if (!DEFAULT_MASK_PATTERNS.includes(source)) return compilePattern(source);
  const expression = new RegExp(LINEAR_FORMS.get(source) ?? source, "g");
  return {
    test: (text) => text.search(expression) >= 0,
    replaceAll: (text, by) => text.replace(expression, () => by),
  };
}
