/** Which targets exist and how events are matched with them, as the settings last said: what the parts of the Redis queue share. */
import type { EventMeta } from "../../event/event.ts";
import { UnknownTargetError } from "../../queue/errors.ts";
import type { Router } from "../../queue/queue.ts";

export class RoutingSetting {
  #targets: readonly string[] | null = null;
  #router: Router | null = null;

  /** From now on these are the targets that exist. */
  set(router: Router, targets: readonly string[]): void {
    this.#router = router;
    this.#targets = [...targets];
  }

  /** The targets that exist; none before set(). */
  get targets(): readonly string[] {
    return this.#targets ?? [];
  }

  /** The same; null before set(), when it is not known yet which ones exist. */
  get knownTargets(): readonly string[] | null {
    return this.#targets;
  }

  /** The lane of an event at a target that it was not matched with. */
  laneOf(meta: EventMeta, target: string): string | null {
    return this.#router?.laneOf?.(meta, target) ?? null;
  }

  /** Throws an UnknownTargetError if one of these does not exist. */
  refuseUnknown(names: readonly string[]): void {
    const unknown = names.find((name) => !this.targets.includes(name));
    if (unknown !== undefined) throw new UnknownTargetError(unknown);
  }
}
