/**
 * A delivery as it stands in Redis: one letter for its state (w waiting, d done, x dead), then JSON of whatever differs from a
 * delivery that nobody has tried. That first letter is what the scripts look at, and a waiting event costs one byte.
 */
import { newDelivery, type Delivery, type DeliveryState } from "../delivery-state.ts";

const LETTERS: Readonly<Record<DeliveryState, string>> = { waiting: "w", sending: "w", done: "d", dead: "x" };

export function encodeDelivery(delivery: Delivery): string {
  const { eventId: _id, target: _target, replay: _replay, state, ...rest } = delivery;
  const told = delivery.attempts > 0 || state === "dead" || state === "done";
  return told ? `${LETTERS[state]}${JSON.stringify(rest)}` : LETTERS[state];
}

/** @param receivedAt when its event came in: a delivery that nobody has tried is due from then on */
export function decodeDelivery(
  text: string,
  eventId: string,
  target: string,
  replay: number,
  receivedAt: number,
): Delivery {
  const fresh = newDelivery(eventId, target, replay, receivedAt);
  const state: DeliveryState = text.startsWith("d") ? "done" : text.startsWith("x") ? "dead" : "waiting";
  return text.length === 1
    ? { ...fresh, state }
    : { ...fresh, ...(JSON.parse(text.slice(1)) as Delivery), state };
}
