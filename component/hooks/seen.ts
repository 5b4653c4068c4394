/** What a run learns about the instance and about other runs while it works, for the report and for what it does at its end. */
import type { Hook } from "../gitlab/types.ts";
import type { WantedHook } from "./desired.ts";

export class Seen {
  #signingIgnored = false;
  #noDescriptions = false;
  #firstCreated: number | null = null;
  #youngestFound: number | null = null;
  #movedBack = 0;
  #leftSystem = 0;
  #foundOurs = false;

  /** Signing tokens were sent and not kept, or the instance does not know them. */
  get signingIgnored(): boolean {
    return this.#signingIgnored;
  }

  /** Hooks show no description, so nothing hidden can be compared. */
  get noDescriptions(): boolean {
    return this.#noDescriptions;
  }

  /** Another run makes hooks, too: one that was there already is younger than the first one of this run, by GitLab's clock. */
  get otherRun(): boolean {
    const [found, created] = [this.#youngestFound, this.#firstCreated];
    return found !== null && created !== null && found >= created;
  }

  /** Hooks that had been at this relay before, and were found at another one. */
  get movedBack(): number {
    return this.#movedBack;
  }

  /** Some hook of ours was there before this run. */
  get foundOurs(): boolean {
    return this.#foundOurs;
  }

  /** A hook of ours as it was found. */
  found(wanted: WantedHook, hook: Hook): void {
    this.#shown(hook);
    this.#foundOurs = true;
    if (wanted.signingToken !== null && !("signing_token_present" in hook)) this.#signingIgnored = true;
    const at = createdAt(hook);
    if (at !== null) this.#youngestFound = Math.max(this.#youngestFound ?? at, at);
  }

  /** A hook as GitLab shows it after a write. */
  wrote(wanted: WantedHook, hook: Hook): void {
    this.#shown(hook);
    if (wanted.signingToken !== null && hook["signing_token_present"] !== true) this.#signingIgnored = true;
  }

  /** A hook that this run has made. */
  created(wanted: WantedHook, hook: Hook): void {
    this.wrote(wanted, hook);
    const at = createdAt(hook);
    if (at !== null) this.#firstCreated = Math.min(this.#firstCreated ?? at, at);
  }

  /** Hooks that left events to a system hook before. */
  get leftSystem(): number {
    return this.#leftSystem;
  }

  leavesSystem(): void {
    this.#leftSystem++;
  }

  /** A hook comes back from another relay. */
  movesBack(): void {
    this.#movedBack++;
  }

  #shown(hook: Hook): void {
    if (!("description" in hook)) this.#noDescriptions = true;
  }
}

function createdAt(hook: Hook): number | null {
  const at = Date.parse(String(hook["created_at"]));
  return Number.isNaN(at) ? null : at;
}
