/** One hook of ours in a run of `recover`: which of its deliveries were missed, what became of them, and which ways are still open. */
import type { Hook, Place } from "../gitlab/types.ts";
import type { Missed } from "./finding.ts";
import type { UnloggedWindow } from "./unlogged.ts";

export type Mode = "auto" | "resend" | "replay";

/** How a delivery gets to the receiver: GitLab sends it again, or the job posts it. */
export type Way = "resend" | "replay";

export type Fate =
  | { readonly outcome: "recovered"; readonly by: Way }
  /** The receiver had it: only its answer never reached GitLab, or an earlier run was interrupted. */
  | { readonly outcome: "alreadyDelivered" }
  /** It cannot be delivered any more: the next run does not try. */
  | { readonly outcome: "unrecoverable"; readonly reason: string }
  /** Still missed: the next run tries again. */
  | { readonly outcome: "outstanding"; readonly reason: string };

/** Number of the project or group that a hook belongs to; what the place was named by, where the hook does not show it. */
export function parentOf(place: Place, hook: Hook): number | string {
  const id = place.level === "project" ? hook["project_id"] : hook["group_id"];
  return typeof id === "number" ? id : place.id;
}

export interface HookFacts {
  readonly place: Place;
  readonly hook: Hook;
  /** Oldest first. */
  readonly missed: readonly Missed[];
  readonly unlogged: readonly UnloggedWindow[];
  readonly mode: Mode;
}

/** Only its own methods change it. */
export class HookWork {
  readonly place: Place;
  readonly hook: Hook;
  /** Oldest first. */
  readonly missed: readonly Missed[];
  /** Times in which GitLab may have dropped events without a row in its log. */
  readonly unlogged: readonly UnloggedWindow[];
  readonly #fates = new Map<Missed, Fate>();
  /** Why a way is closed; a way that is not here is open. */
  readonly #closed = new Map<Way, string>();
  /** Rows of failures that this run has made GitLab log of what is settled otherwise. */
  readonly #echoes: number[] = [];
  /** The receiver says itself what it has, so that nothing has to be remembered for it. */
  #answers = false;
  #resentInVain = false;
  #woken = false;
  #trouble: string | null = null;

  constructor({ place, hook, missed, unlogged, mode }: HookFacts) {
    this.place = place;
    this.hook = hook;
    this.missed = missed;
    this.unlogged = unlogged;
    // A way that the operator has ruled out needs no reason.
    if (mode === "replay") this.close("resend", "");
    if (mode === "resend") this.close("replay", "");
  }

  get parent(): number | string {
    return parentOf(this.place, this.hook);
  }

  /** The same for hooks that share GitLab's limit of resends. */
  get limitKey(): string {
    return `${this.place.level} ${this.parent}`;
  }

  fateOf(delivery: Missed): Fate | null {
    return this.#fates.get(delivery) ?? null;
  }

  /** Fates of all deliveries that have one. */
  get fates(): readonly Fate[] {
    return [...this.#fates.values()];
  }

  setFate(delivery: Missed, fate: Fate): void {
    this.#fates.set(delivery, fate);
  }

  isSettled(delivery: Missed): boolean {
    const fate = this.#fates.get(delivery);
    return fate !== undefined && fate.outcome !== "outstanding";
  }

  /** Deliveries without a final fate, oldest first. */
  get open(): Missed[] {
    return this.missed.filter((delivery) => !this.isSettled(delivery));
  }

  /** Why the way is closed; null: it is open. */
  whyClosed(way: Way): string | null {
    return this.#closed.get(way) ?? null;
  }

  /** The first reason stays. */
  close(way: Way, reason: string): void {
    if (!this.#closed.has(way)) this.#closed.set(way, reason);
  }

  get answers(): boolean {
    return this.#answers;
  }

  receiverAnswers(): void {
    this.#answers = true;
  }

  /** GitLab resent something in vain, so that its log has a new failure. */
  noteVainResend(): void {
    this.#resentInVain = true;
  }

  /** Whether that was so since the last call. */
  takeVainResend(): boolean {
    const was = this.#resentInVain;
    this.#resentInVain = false;
    return was;
  }

  get echoes(): readonly number[] {
    return this.#echoes;
  }

  addEchoes(rowIds: readonly number[]): void {
    this.#echoes.push(...rowIds);
  }

  /** GitLab had switched it off and sends again. */
  get woken(): boolean {
    return this.#woken;
  }

  wake(): void {
    this.#woken = true;
  }

  /** What an operator has to look at beside deliveries; null: nothing. */
  get trouble(): string | null {
    return this.#trouble;
  }

  sleepOn(trouble: string): void {
    this.#trouble = trouble;
    this.close("resend", "");
  }
}
