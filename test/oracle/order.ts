/** Whether an ordered target got each project's events in their order, and the replays that must not disturb it. */
import { AS_ADMIN } from "../helpers/relay-process.ts";
import type { Receipt, Sending } from "./oracle.ts";

/**
 * Events that came to a target for the first time before an earlier one of their project, which had been acknowledged before they
 * were sent. `refused`: what the target refused for good; nothing waits for that.
 */
export function overtaking(
  attempted: ReadonlyMap<string, Sending>,
  receipts: readonly Receipt[],
  refused: ReadonlySet<string>,
): string[] {
  const firstAt = new Map<string, number>();
  receipts.forEach(({ id }, index) => {
    if (!firstAt.has(id)) firstAt.set(id, index);
  });
  const events = [...attempted].map(([id, { project, sentAt, acknowledgedAt }]) => {
    return { id, project, sentAt, acknowledgedAt, at: firstAt.get(id) ?? Infinity };
  });
  const overtakes = ({ project, sentAt, at }: (typeof events)[number]): boolean =>
    events.some(
      (earlier) =>
        earlier.project === project &&
        earlier.acknowledgedAt < sentAt &&
        earlier.at > at &&
        !refused.has(earlier.id),
    );
  return events.filter(overtakes).map(({ id }) => id);
}

/**
 * Replays the newest events, of which some still wait, to a target, and its dead letters. Returns how many deliveries that were; the
 * relay may be killed at any moment of it.
 */
export async function replaySome(url: string, target: string): Promise<number> {
  const ask = async (path: string, body?: unknown): Promise<unknown> => {
    const post = { method: "POST", body: JSON.stringify(body) };
    const headers = { ...AS_ADMIN, "content-type": "application/json" };
    const answer = await fetch(`${url}/api/v1/${path}`, { headers, ...(body === undefined ? {} : post) });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as unknown;
    // The storage may be away, and a listed event gone.
    if (answer.status === 503 || answer.status === 404) return {};
    throw new Error(`${path}: ${answer.status}: ${text}`);
  };
  let count = 0;
  try {
    // Only what is matched already: the rest has no lane to wait in.
    const { events = [] } = (await ask(`events?target=${target}&limit=5`)) as { events?: { id: string }[] };
    for (const { id } of events) {
      const { targets = [] } = (await ask(`events/${id}/replay`, { targets: [target] })) as {
        targets?: string[];
      };
      count += targets.length;
    }
    const { replayed = 0 } = (await ask("dead/replay", { target })) as { replayed?: number };
    return count + replayed;
  } catch (error) {
    if (error instanceof TypeError) return count; // what fetch() throws if the relay is gone
    throw error;
  }
}
