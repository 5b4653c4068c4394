/**
 * Whether events may have been missed that GitLab's own log still has: webhooks that the relay answered with 503, or the time
 * before its last start. GitLab repeats neither; `recover` fetches them back.
 */
import type { Clock } from "../../../lib/clock.ts";
import type { Queue } from "../../queue/queue.ts";
import { duration } from "./html.ts";
import type { Recovery } from "./overview.ts";
import type { Pulse } from "../live/minute-stats.ts";

/** How long after a start it is recalled that the relay was away. */
const RECALL_MS = 3_600_000;

export interface Recovering {
  state(): Promise<Recovery>;
}

/** Looks once at what the queue held when the relay started. */
export function createRecovering(
  queue: Pick<Queue, "list">,
  pulse: Pick<Pulse, "lastUnavailableAt" | "lastRecoveredAt">,
  clock: Pick<Clock, "now">,
): Recovering {
  const startedAt = clock.now();
  let hadEvents: Promise<boolean> | null = null;
  return {
    async state() {
      hadEvents ??= queue.list({ to: startedAt }, 1, null).then((page) => page.events.length > 0);
      const { lastUnavailableAt, lastRecoveredAt } = pulse;
      const recovered = lastRecoveredAt ?? 0;
      const ago = (at: number): string => `${duration(Math.max(0, clock.now() - at))} ago`;
      if (lastUnavailableAt !== null && lastUnavailableAt > recovered)
        return { isDue: true, text: `webhooks were refused ${ago(lastUnavailableAt)}; run recover` };
      if (lastRecoveredAt !== null)
        return { isDue: false, text: `last fetched back ${ago(lastRecoveredAt)}` };
      if (clock.now() - startedAt < RECALL_MS && (await hadEvents))
        return { isDue: true, text: `the relay was away until ${ago(startedAt)}; run recover` };
      return { isDue: false, text: "nothing refused since the start" };
    },
  };
}
