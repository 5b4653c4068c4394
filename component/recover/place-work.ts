/** One place of the group in a run of `recover`: its hooks of ours, what they wait for, and what becomes of the place in the report. */
import type { Place } from "../gitlab/types.ts";
import { resultOf, type HookResult } from "../hooks/result.ts";
import type { HookWork } from "./hook-work.ts";

/** Only its own methods change it. */
export class PlaceWork {
  readonly place: Place;
  readonly #hooks: HookWork[] = [];
  #pages = 0;
  #waitMs: number | null = null;
  #failure: string | null = null;
  #skipped: string | null = null;

  constructor(place: Place) {
    this.place = place;
  }

  get hooks(): readonly HookWork[] {
    return this.#hooks;
  }

  /** Pages of logs that were read. */
  get pages(): number {
    return this.#pages;
  }

  /** @param pages of its log that were read */
  addHook(work: HookWork, pages: number): void {
    this.#hooks.push(work);
    this.#pages += pages;
  }

  /** Milliseconds after which GitLab resends more for it; null: nothing waits. */
  get waitMs(): number | null {
    return this.#waitMs;
  }

  /** The shortest wait counts. */
  waitFor(ms: number): void {
    this.#waitMs = Math.min(ms, this.#waitMs ?? ms);
  }

  endWait(): void {
    this.#waitMs = null;
  }

  /** Nothing is to be done here. */
  skip(reason: string): void {
    this.#skipped = reason;
  }

  /** Something kept the place from being looked at. */
  fail(reason: string): void {
    this.#failure = reason;
    this.#waitMs = null;
  }

  /** The place as the walk over the projects counts it; `update`: something was recovered or woken, or would be. */
  result({ dryRun }: { readonly dryRun: boolean }): HookResult {
    const fates = this.#hooks.flatMap((hook) => hook.fates);
    const hookId = this.#hooks[0]?.hook.id ?? null;
    const troubles = [
      ...(this.#failure === null ? [] : [this.#failure]),
      ...this.#hooks.flatMap((hook) => hook.trouble ?? []),
      ...fates.flatMap((fate) => (fate.outcome === "outstanding" ? fate.reason : [])),
    ];
    if (troubles.length > 0) {
      return resultOf(this.place, "fail", { hookId, reason: [...new Set(troubles)].join("; ") });
    }
    if (this.#skipped !== null) return resultOf(this.place, "skip", { reason: this.#skipped });
    const open = this.#hooks.reduce((sum, hook) => sum + hook.open.length, 0);
    const recovered = fates.some((fate) => fate.outcome === "recovered");
    const changed = recovered || open > 0 || this.#hooks.some((hook) => hook.woken);
    const reason = open > 0 && !dryRun ? `the run ended before ${open} of them: the next one goes on` : null;
    return resultOf(this.place, changed ? "update" : "none", { hookId, reason });
  }
}
