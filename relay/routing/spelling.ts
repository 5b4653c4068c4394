/**
 * Patterns that no name of GitLab's can fit, as they are written by people who think of another product or paste an address, each with
 * the nearest right spelling. Pure; says nothing of what might be right.
 */
import { literalOf } from "../../lib/glob.ts";

/** What is wrong with one pattern; null: nothing that is certain. The `!` before it is taken off. */
export type SpellingCheck = (pattern: string) => string | null;

const never = (pattern: string, why: string, right: string | null): string =>
  `"${pattern}" can never match: ${why}${right === null ? "" : `; write "${right}"`}`;

/** Git refuses these in names; a class and an escape of a glob are taken out before. */
const NOT_IN_REFS = /[\s~^:]|\.\.|@\{|\/\//;

export const branchSpelling: SpellingCheck = (pattern) => {
  const full = /^\/?(?:refs\/)?heads\/(.+)$/.exec(pattern);
  if (pattern.startsWith("refs/heads/") && full !== null) {
    return never(pattern, "branches are named without refs/heads/", full[1] ?? null);
  }
  if (pattern.startsWith("refs/tags/")) {
    return never(pattern, "tags are no branches, and pass this rule anyhow", null);
  }
  if (pattern.startsWith("refs/")) return never(pattern, "no branch is named so", null);
  const address = pathOfAddress(pattern, /\/-\/(?:tree|commits|blob)\/([^?#]+)/);
  if (address !== null) return never(pattern, "it is an address", address);
  const trimmed = pattern.trim();
  if (trimmed !== pattern) return never(pattern, "no branch begins or ends with a blank", trimmed);
  const expression = withoutExpression(pattern);
  if (expression !== null) return never(pattern, "it is a regular expression, not a glob", expression);
  if (pattern.startsWith("/")) return never(pattern, "no branch begins with a slash", pattern.slice(1));
  if (pattern.endsWith("/")) return never(pattern, "no branch ends with a slash", `${pattern}**`);
  if (NOT_IN_REFS.test(withoutClasses(pattern))) return never(pattern, "no branch is named so", null);
  return null;
};

/** `*` stops at a slash, unlike in GitLab's own filters: what it leaves out, or lets pass, is easily overlooked. */
export const starSpelling: SpellingCheck = (pattern) => {
  if (pattern === "*") return `"*" is for branches without a slash only: write "**" for every branch`;
  return null;
};

/** @param pattern as it stands behind `!` */
export const unwantedStarSpelling: SpellingCheck = (pattern) => {
  const prefix = /^([\w.-]+)\*$/.exec(pattern)?.[1];
  return prefix === undefined
    ? null
    : `"!${pattern}" lets branches such as ${prefix}/x pass, as * stops at a slash: write "!${prefix}*/**" beside it`;
};

export const projectSpelling: SpellingCheck = (pattern) => {
  const address =
    pathOfAddress(pattern, /^\/?(.+?)(?:\/-\/.*)?$/) ??
    /^(?:ssh:\/\/)?[\w.-]+@[\w.-]+[:/](.+)$/.exec(pattern)?.[1];
  if (address !== undefined && address !== null) {
    return never(pattern, "it is an address, not a path", plainProject(`/${address}`));
  }
  const plain = plainProject(pattern);
  if (plain !== pattern) {
    if (/\s/.test(pattern)) return never(pattern, "paths have no blanks; take the path, not the name", plain);
    return never(pattern, "no project's path is written so", plain);
  }
  const literal = literalOf(pattern);
  if (literal !== null && !literal.includes("/")) {
    return never(pattern, "a project's path has a group in it", `${literal}/**`);
  }
  if (literal === null && !pattern.includes("/") && !pattern.includes("**")) {
    return never(
      pattern,
      "* stops at a slash, and a project's path has one",
      pattern === "*" ? "**" : `${pattern}/**`,
    );
  }
  const bare = withoutClasses(pattern).replace(/[{}()|!@+?*,\\]/g, "");
  return /[^\p{L}\p{N}_./-]/u.test(bare)
    ? never(pattern, "no project's path has such signs in it", null)
    : null;
};

/** The path alone: no slashes at its ends, no .git, nothing behind /-/, no blanks around its parts. */
function plainProject(text: string): string {
  const [path = ""] = text.split("/-/");
  const plain = path
    .split("/")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("/")
    .replace(/\.git$/, "");
  const isGroup = !plain.includes("/") && plain !== "" && text.includes("/");
  return isGroup ? `${plain}/**` : plain.replace(/ +/g, "-");
}

/** What the pattern captures in the path of an address; null: it is no address. */
function pathOfAddress(text: string, part: RegExp): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const path = decodeURI(new URL(text).pathname).replace(/^\/groups\//, "/");
  return part.exec(path)?.[1] ?? null;
}

function withoutClasses(pattern: string): string {
  return pattern.replace(/\\.|\[[^\]]*\]/gs, "");
}

/** The glob that a regular expression wants to be; null: it is none. */
function withoutExpression(pattern: string): string | null {
  const inner = /^\/(.*)\/[a-z]*$/.exec(pattern)?.[1] ?? pattern;
  const plain = inner
    .replace(/^\^/, "")
    .replace(/\$$/, "")
    .replaceAll("\\/", "/")
    .replaceAll("\\.", ".")
    .replaceAll(".*", "*");
  const isExpression = /^\^|\$$|\/\.\*/.test(inner) || (inner !== pattern && plain !== "");
  return isExpression && plain !== pattern ? plain : null;
}

/** Words of other products, and of people, for what GitLab calls by the value. */
const ACTIONS: ReadonlyMap<string, string> = new Map([
  ["opened", "open"],
  ["closed", "close"],
  ["reopened", "reopen"],
  ["merged", "merge"],
  ["updated", "update"],
  ["edited", "update"],
  ["synchronize", "update"],
  ["synchronized", "update"],
  ["approve", "approved"],
  ["unapprove", "unapproved"],
  ["deleted", "delete"],
  ["removed", "delete"],
  ["awarded", "award"],
  ["revoked", "revoke"],
  ["succeeded", "success"],
  ["successful", "success"],
  ["passed", "success"],
  ["fail", "failed"],
  ["failure", "failed"],
  ["errored", "failed"],
  ["cancel", "canceled"],
  ["cancelled", "canceled"],
  ["skip", "skipped"],
  ["started", "running"],
]);

/** `created` is a status too, of pipelines and jobs. @param kinds `hasStatus`: whether the rule is for kinds that have one */
export function actionSpelling({ hasStatus }: { readonly hasStatus: boolean }): SpellingCheck {
  return (pattern) => {
    const plain = pattern.trim().toLowerCase();
    const right = ACTIONS.get(plain) ?? (plain === "created" && !hasStatus ? "create" : plain);
    return right === pattern ? null : never(pattern, "GitLab has no such action", right);
  };
}
