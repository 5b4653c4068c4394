/** The operator's filters: which projects of a group are meant, and which names in them fit nothing. */
import { compileGlob } from "../../lib/glob.ts";
import type { Project } from "../gitlab/types.ts";

export interface Filters {
  /** Full path of the group, which globs may leave out. */
  readonly group: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly topics: readonly string[];
}

interface Glob {
  readonly option: string;
  readonly text: string;
  readonly matches: (path: string) => boolean;
  used: boolean;
}

/**
 * The operator's filters. Globs are matched with the full path and with the path below the group; letter case does not count, as
 * in GitLab. It remembers which names fitted nothing, because a misspelt one would be a silent gap.
 */
export class ProjectFilter {
  readonly #include: readonly Glob[];
  readonly #exclude: readonly Glob[];
  /** Lower case -> as written, of the topics that no project has had so far. */
  readonly #unusedTopics: Map<string, string>;
  readonly #topics: ReadonlySet<string>;
  readonly #prefix: string;

  constructor({ group, include, exclude, topics }: Filters) {
    this.#include = include.map((text) => globOf("--include", text));
    this.#exclude = exclude.map((text) => globOf("--exclude", text));
    this.#unusedTopics = new Map(topics.map((topic) => [topic.toLowerCase(), topic]));
    this.#topics = new Set(this.#unusedTopics.keys());
    this.#prefix = `${group.toLowerCase()}/`;
  }

  /** Why the project is left out; null: it is not. */
  leftOut(project: Project): string | null {
    const path = project.path_with_namespace;
    const below = path.toLowerCase().startsWith(this.#prefix) ? path.slice(this.#prefix.length) : path;
    // Every glob is tried: one that never fits is named in the end.
    const fits = (globs: readonly Glob[]): boolean =>
      globs.filter((glob) => (glob.matches(path) || glob.matches(below)) && (glob.used = true)).length > 0;
    const included = fits(this.#include);
    const excluded = fits(this.#exclude);
    const topics = project.topics
      .map((topic) => topic.toLowerCase())
      .filter((topic) => this.#topics.has(topic));
    for (const topic of topics) this.#unusedTopics.delete(topic);
    if (this.#include.length > 0 && !included) return "not among --include";
    if (excluded) return "matches --exclude";
    return this.#topics.size === 0 || topics.length > 0 ? null : "has none of --topics";
  }

  /** `--include "acme/tyop/**"`: what has fitted no project so far. */
  unmatched(): string[] {
    return [
      ...[...this.#include, ...this.#exclude]
        .filter((glob) => !glob.used)
        .map(({ option, text }) => `${option} ${JSON.stringify(text)}`),
      ...[...this.#unusedTopics.values()].map((topic) => `--topics ${JSON.stringify(topic)}`),
    ];
  }
}

function globOf(option: string, text: string): Glob {
  return { option, text, matches: globTest(text), used: false };
}

/** A glob behind `!` fits what it does not fit without it; `!( )` is a group of its own. */
function globTest(glob: string): (path: string) => boolean {
  const isNegated = glob.startsWith("!") && !glob.startsWith("!(");
  const fits = compileGlob(isNegated ? glob.slice(1) : glob, { caseMatters: false });
  return isNegated ? (path) => !fits(path) : fits;
}
