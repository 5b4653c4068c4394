/**
 * What a run would lose for want of a secret: counted by variable, and told in one sentence. A hook that stands here was not
 * written.
 */
import type { SecretVariable } from "./carried.ts";
import { EndOfRun } from "./end-of-run.ts";

export class Losses {
  /** Hooks that would be hurt, by the variable that is missing. */
  readonly #hurt = new Map<SecretVariable, number>();
  #hooks = 0;
  /** Hooks whose secrets this run cannot compare, by the variable that is missing. */
  readonly #unverified = new Map<SecretVariable, number>();

  add(variables: readonly SecretVariable[]): void {
    this.#hooks++;
    for (const name of variables) this.#hurt.set(name, (this.#hurt.get(name) ?? 0) + 1);
  }

  addUnverified(variables: readonly SecretVariable[]): void {
    for (const name of variables) this.#unverified.set(name, (this.#unverified.get(name) ?? 0) + 1);
  }

  /** Hooks that would lose a secret. */
  get hooks(): number {
    return this.#hooks;
  }

  /** Throws if hooks would be hurt: the run ends, with nothing of them touched. */
  refuse(): void {
    if (this.#hooks > 0) throw new EndOfRun(this.sentence(), { status: 2, complete: false });
  }

  /** What to say of the hooks that would be hurt. */
  sentence(): string {
    const names = [...this.#hurt.keys()].sort().join(" and ");
    const [count, verb] =
      this.#hooks === 1 ? ["1 hook carries", "it"] : [`${this.#hooks} hooks carry`, "them"];
    return `${names} is not set in this run, and ${count} what it holds: GitLab would wipe it and nothing could write it back, so this run leaves ${verb} alone. Set it as in the runs before, or take the secrets away on purpose with --remove-secrets`;
  }

  /** What to say of the hooks that could not be compared; null: there are none. */
  unverifiedSentence(): string | null {
    const parts = [...this.#unverified].map(
      ([name, count]) => `${name} (${count} hook${count === 1 ? "" : "s"})`,
    );
    if (parts.length === 0) return null;
    return `not set in this run, although hooks carry what they hold: ${parts.sort().join(", ")}; whether these secrets are right cannot be told, and they stay as they are`;
  }
}

/** Why one project's hook was left alone. */
function lossReason(variables: readonly SecretVariable[]): string {
  return `${variables.join(" and ")} is not set in this run, and this change would wipe what the hook has of it`;
}

/** Thrown instead of a write that would take a secret: the place is left as it is. */
export class Loss extends Error {
  override readonly name = "Loss";
  readonly variables: readonly SecretVariable[];
  constructor(variables: readonly SecretVariable[]) {
    super(lossReason(variables));
    this.variables = variables;
  }
}
