/** What became of a missed delivery, and what one run knows of a hook: the words that the parts of `recover` share. */
import type { Hook, Place } from "../gitlab/types.ts";
import type { Missed } from "./finding.ts";
import type { UnloggedWindow } from "./unlogged.ts";

export type Mode = "auto" | "resend" | "replay";

export type Fate =
  | { readonly outcome: "recovered"; readonly by: "resend" | "replay" }
  /** The receiver had it: only its answer never reached GitLab, or an earlier run was interrupted. */
  | { readonly outcome: "alreadyDelivered" }
  /** Nobody can deliver it any more: the next run does not try. */
  | { readonly outcome: "unrecoverable"; readonly reason: string }
  /** Still missed: the next run tries again. */
  | { readonly outcome: "outstanding"; readonly reason: string };

/** Why a way is closed; null: it is open. */
export interface Ways {
  resend: string | null;
  replay: string | null;
}

/** One hook of ours and what is to be done for it. */
export interface HookWork {
  readonly place: Place;
  readonly hook: Hook;
  readonly missed: readonly Missed[];
  readonly fates: Map<Missed, Fate>;
  readonly ways: Ways;
  /** The receiver says itself what it has, so that nothing has to be remembered for it. */
  answers: boolean;
  /** GitLab resent something in vain, so that its log has a new failure of what may be settled otherwise. */
  resentInVain: boolean;
  /** Rows of such failures. */
  readonly echoes: number[];
  /** GitLab had switched it off and sends again. */
  woken: boolean;
  /** What an operator has to look at beside deliveries; null: nothing. */
  trouble: string | null;
  readonly unlogged: readonly UnloggedWindow[];
}

/** Deliveries of a hook without a final fate, oldest first. */
export function openDeliveries(work: HookWork): Missed[] {
  return work.missed.filter((delivery) => {
    const fate = work.fates.get(delivery);
    return fate === undefined || fate.outcome === "outstanding";
  });
}
