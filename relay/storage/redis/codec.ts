/**
 * A delivery as it stands in Redis: one letter for its state (w waiting, s sending, d done, x dead, m moved: dead, but another
 * delivery stands for it), then the rest as JSON, which
 * a delivery without an attempt does without. The letter is what the scripts look at and set.
 */
import { deadReasonOf } from "../../queue/dead-reason.ts";
import { InvariantError } from "../../../lib/errors.ts";
import type { EventMeta } from "../../event/event.ts";
import { newDelivery, type Delivery, type DeliveryState } from "../../queue/delivery-state.ts";

const LETTERS: Readonly<Record<DeliveryState, string>> = { waiting: "w", sending: "s", done: "d", dead: "x" };
const MOVED = "m";
const STATES = new Map<string, DeliveryState>([
  ...Object.entries(LETTERS).map(([state, letter]) => [letter, state as DeliveryState] as const),
  [MOVED, "dead"],
]);

export function letterOf(state: DeliveryState): string {
  return LETTERS[state];
}

/** A delivery without an attempt, due when its event came in. */
export const FRESH = LETTERS.waiting;

export function encodeDelivery({
  eventId: _id,
  target: _target,
  replay: _replay,
  state,
  ...rest
}: Delivery): string {
  // Scripts count dead letters by it.
  const counted = state === "dead" ? { deadReason: deadReasonOf(rest), ...rest } : rest;
  return (rest.movedTo === undefined ? LETTERS[state] : MOVED) + JSON.stringify(counted);
}

/** A delivery that has not been tried is due from the time on at which its event came in. */
export function decodeDelivery(
  text: string,
  { id, receivedAt }: Pick<EventMeta, "id" | "receivedAt">,
  target: string,
  replay: number,
): Delivery {
  const fresh = newDelivery(id, target, replay, receivedAt);
  const state = STATES.get(text.charAt(0));
  if (state === undefined) throw new InvariantError(`a delivery in Redis begins with "${text.charAt(0)}"`);
  if (text.length === 1) return { ...fresh, state };
  const { deadReason: _counted, ...rest } = JSON.parse(text.slice(1)) as Partial<Delivery> & {
    deadReason?: string;
  };
  return { ...fresh, ...rest, state };
}
