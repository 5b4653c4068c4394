/**
 * Globs over names that strangers choose (paths of projects, branches, labels), matched in time that grows with the length of the name
 * and never explodes: a glob becomes an expression of RE2, which does not go back. Common forms need not even that.
 *
 * `!(a|b)` leaves out what the glob would match with `(a|b)` in its place.
 */
import { RE2JS, RE2JSException } from "re2js";
import { messageOf } from "./errors.ts";
import { parseGlob, type Glob, type Part } from "./glob-syntax.ts";
import { MAX_PATTERN_LENGTH, MAX_PROGRAM } from "./pattern.ts";

export interface GlobOptions {
  /** @default true */
  readonly caseMatters?: boolean;
  /** Whether `*` and `?` stop at a slash. @default true */
  readonly hasSegments?: boolean;
}

/** Names are longer nowhere in GitLab; of a longer text only the beginning counts. */
const MAX_NAME = 4096;

type Matcher = (name: string) => boolean;

/** Why a glob cannot be used, in words; null: it can. */
export function globProblem(source: string): string | null {
  try {
    compileGlob(source);
    return null;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message;
  }
}

/** Whether a name fits a glob as a whole. Throws a SyntaxError if globProblem() finds one. */
export function compileGlob(source: string, options: GlobOptions = {}): Matcher {
  const { caseMatters = true, hasSegments = true } = options;
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new SyntaxError(`the pattern has ${source.length} characters, limit is ${MAX_PATTERN_LENGTH}`);
  }
  const glob = parseGlob(caseMatters ? source : source.toLowerCase());
  const fits = simpleMatcher(glob, hasSegments) ?? expressionMatcher(glob, hasSegments);
  if (caseMatters) return (name) => fits(cutName(name));
  return (name) => fits(cutName(name).toLowerCase());
}

/** Whether a name fits one of the globs; none fits an empty list. */
export function compileGlobs(sources: readonly string[], options: GlobOptions = {}): Matcher {
  const matchers = sources.map((source) => compileGlob(source, options));
  return (name) => matchers.some((fits) => fits(name));
}

/** The name itself, if the glob is one; null: it stands for several. */
export function literalOf(source: string): string | null {
  const [only, ...rest] = parseGlob(source);
  if (only === undefined) return "";
  return only.type === "text" && rest.length === 0 ? only.text : null;
}

function cutName(name: string): string {
  return name.length > MAX_NAME ? name.slice(0, MAX_NAME) : name;
}

/** `acme/web`, `acme/**` and `release/*`, ten times as fast as an expression. */
function simpleMatcher([first, second, ...rest]: Glob, hasSegments: boolean): Matcher | null {
  if (rest.length > 0 || first?.type !== "text") return null;
  const { text } = first;
  if (second === undefined) return (name) => name === text;
  if (second.type === "globstar" && hasSegments) {
    return (name) => name.startsWith(text) && (name.length === text.length || name[text.length] === "/");
  }
  if (second.type === "star" && hasSegments) {
    const least = text.length + (second.alone ? 1 : 0);
    return (name) => name.length >= least && name.startsWith(text) && !name.includes("/", text.length);
  }
  return null;
}

function expressionMatcher(glob: Glob, hasSegments: boolean): Matcher {
  const write = (chosen: Part | null): RE2JS => compiled(expressionOf(glob, { hasSegments, chosen }));
  const whole = write(null);
  const excluded = glob.filter((part) => part.type === "not").map((part) => write(part));
  const size = [whole, ...excluded].reduce((sum, expression) => sum + expression.programSize(), 0);
  if (size > MAX_PROGRAM) {
    throw new SyntaxError(
      `the pattern is too large to be matched quickly: it has ${size} steps, limit is ${MAX_PROGRAM}`,
    );
  }
  return (name) => whole.test(name) && !excluded.some((expression) => expression.test(name));
}

function compiled(expression: string): RE2JS {
  try {
    return RE2JS.compile(`\\A(?:${expression})\\z`, RE2JS.DOTALL);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new SyntaxError(messageOf(error).replace("error parsing regexp: ", ""));
  }
}

interface Writing {
  readonly hasSegments: boolean;
  /** The `!( )` that stands for what it leaves out; all others stand for anything. */
  readonly chosen: Part | null;
}

function expressionOf(glob: Glob, writing: Writing): string {
  return glob.map((part) => partExpression(part, writing)).join("");
}

function partExpression(part: Part, writing: Writing): string {
  const { hasSegments, chosen } = writing;
  const any = hasSegments ? "[^/]" : ".";
  const choice = (choices: readonly Glob[]): string =>
    `(?:${choices.map((glob) => expressionOf(glob, writing)).join("|")})`;
  switch (part.type) {
    case "text":
      return RE2JS.quote(part.text);
    case "any":
      return any;
    case "star":
      return part.alone && hasSegments ? `${any}+` : `${any}*`;
    case "globstar":
      if (!hasSegments || part.slash === "none") return ".*";
      return part.slash === "before" ? "(?:/.*)?" : "(?:.*/)?";
    case "class":
      return classExpression(part, hasSegments);
    case "choice":
      return `${choice(part.choices)}${part.times}`;
    case "not":
      return part === chosen ? choice(part.choices) : `${any}*`;
  }
}

function classExpression(
  { negated, members }: { readonly negated: boolean; readonly members: string },
  hasSegments: boolean,
): string {
  const escaped = members.replace(/\\(.)|([\\[\]^&~])/gs, (_all, after: string, plain: string) =>
    RE2JS.quote(after ?? plain),
  );
  return negated ? `[^${hasSegments ? "/" : ""}${escaped}]` : `[${escaped}]`;
}
