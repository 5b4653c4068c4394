/**
 * Lists of patterns: what is listed, then without what stands behind `!`; a list of `!` alone means all but these.
 *
 * Projects are globs of their path (case does not matter, as in GitLab) or ids; branches are globs in which `*` stops at a
 * slash; labels are globs too; actions are plain words.
 */
import { compileGlobs } from "../../lib/glob.ts";

export type ProjectPattern = string | number;

/** `!(a|b)` is its own glob, not a negation. */
export function splitPatterns<P extends ProjectPattern>(
  patterns: readonly P[],
): { readonly wanted: P[]; readonly unwanted: string[] } {
  const wanted: P[] = [];
  const unwanted: string[] = [];
  for (const pattern of patterns) {
    if (typeof pattern === "string" && /^!(?!\()/.test(pattern)) unwanted.push(pattern.slice(1));
    else wanted.push(pattern);
  }
  return { wanted, unwanted };
}

/** Whether a project fits. One without id and path, as of a group's event, fits only a list of `!` alone. */
export function projectMatcher(
  patterns: readonly ProjectPattern[],
): (id: number | null, path: string | null) => boolean {
  const split = splitPatterns(patterns);
  const [wanted, unwanted] = [compileProjects(split.wanted), compileProjects(split.unwanted)];
  return (id, path) => (split.wanted.length === 0 || wanted(id, path)) && !unwanted(id, path);
}

function compileProjects(
  patterns: readonly ProjectPattern[],
): (id: number | null, path: string | null) => boolean {
  const ids = new Set(patterns.filter(isProjectId).map(Number));
  const globs = patterns.filter((p): p is string => !isProjectId(p));
  const matches = compileGlobs(globs, { caseMatters: false });
  return (id, path) => (id !== null && ids.has(id)) || (path !== null && path !== "" && matches(path));
}

/** A path always has a slash, so that digits alone can only be an id. */
export function isProjectId(pattern: ProjectPattern): boolean {
  return typeof pattern === "number" || /^\d+$/.test(pattern);
}

/** Whether a text fits globs; case matters. */
export function globMatcher(patterns: readonly string[]): (text: string) => boolean {
  const split = splitPatterns(patterns);
  const [wanted, unwanted] = [compileGlobs(split.wanted), compileGlobs(split.unwanted)];
  return (text) => (split.wanted.length === 0 || wanted(text)) && !unwanted(text);
}

/** Whether a word is in a list. */
export function wordMatcher(patterns: readonly string[]): (word: string) => boolean {
  const split = splitPatterns(patterns);
  const [wanted, unwanted] = [new Set(split.wanted), new Set(split.unwanted)];
  return (word) => (wanted.size === 0 || wanted.has(word)) && !unwanted.has(word);
}

/** Whether a set of labels fits: one of them is listed, and none stands behind `!`. Slashes in labels mean nothing. */
export function labelMatcher(patterns: readonly string[]): (labels: readonly string[]) => boolean {
  const split = splitPatterns(patterns);
  const options = { hasSegments: false };
  const [wanted, unwanted] = [compileGlobs(split.wanted, options), compileGlobs(split.unwanted, options)];
  return (labels) => {
    if (split.wanted.length > 0 && !labels.some((label) => wanted(label))) return false;
    return !labels.some((label) => unwanted(label));
  };
}
