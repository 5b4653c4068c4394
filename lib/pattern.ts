/**
 * Regular expressions that operators write, over text that strangers write: matched by RE2, whose time grows with the length of
 * the text and never explodes, and refused if even that would be slow. RE2 has neither look-around nor references back.
 */
import { RE2JS, RE2JSException } from "re2js";

export interface Pattern {
  /** Whether it matches anywhere in the text. */
  test(text: string): boolean;
  /** The text with every match replaced; `$` and backslashes of `by` stand for themselves. */
  replaceAll(text: string, by: string): string;
}

export interface CompiledPattern extends Pattern {
  /** Steps that one character of a text may cost. */
  readonly steps: number;
}

/** Steps that one character of the text may cost; RE2 takes 20 to 40 ns for each. */
export const MAX_PROGRAM = 500;
export const MAX_PATTERN_LENGTH = 1000;

/** Why an expression cannot be used, in words; null: it can. */
export function patternProblem(source: string): string | null {
  if (source.length > MAX_PATTERN_LENGTH)
    return `the expression has ${source.length} characters, limit is ${MAX_PATTERN_LENGTH}`;
  try {
    const size = parse(source).programSize();
    return size > MAX_PROGRAM
      ? `the expression is too large to be matched quickly: it has ${size} steps, limit is ${MAX_PROGRAM}; repeat less often than {${MAX_PROGRAM}}`
      : null;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return `${error.message.replace("error parsing regexp: ", "")} (syntax of RE2: no look-around, no references back)`;
  }
}

/** Throws if patternProblem() finds one; settings are checked before. */
export function compilePattern(source: string): CompiledPattern {
  const problem = patternProblem(source);
  if (problem !== null) throw new SyntaxError(problem);
  const compiled = parse(source);
  return {
    steps: compiled.programSize(),
    test: (text) => compiled.test(text),
    replaceAll: (text, by) =>
      compiled.test(text) ? compiled.matcher(text).replaceAll(RE2JS.quoteReplacement(by)) : text,
  };
}

/** What JavaScript writes and RE2 does not know (`\uXXXX`, `\cX`) is translated. */
function parse(source: string): RE2JS {
  return RE2JS.compile(RE2JS.translateRegExp(source));
}
