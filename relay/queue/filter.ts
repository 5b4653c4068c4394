/** Which state an event is in, and whether it fits a filter: pure, for every queue. */
import type { EventMeta } from "../event/event.ts";
import type { Delivery, DeliveryState } from "./delivery-state.ts";
import type { EventFilter, EventState } from "./queue.ts";

/** The last delivery of each target: a replay stands in for what was before it. */
export function latestDeliveries(deliveries: readonly Delivery[]): Delivery[] {
  const latest = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const known = latest.get(delivery.target);
    if (known === undefined || known.replay < delivery.replay) latest.set(delivery.target, delivery);
  }
  return [...latest.values()];
}

/** What decides about an event: the last delivery of each target unless it was moved, and any earlier one that is not over yet. */
export function standingDeliveries(deliveries: readonly Delivery[]): Delivery[] {
  const latest = new Set(latestDeliveries(deliveries));
  return deliveries.filter(
    (delivery) => delivery.endedAt === null || (latest.has(delivery) && delivery.movedTo === undefined),
  );
}

/** The state of a delivery that this state of an event stands for; null: no delivery is in it. */
export function deliveryState(state: EventState | undefined): DeliveryState | null {
  return state === undefined || state === "unrouted" || state === "unmatched" ? null : state;
}

/** An event is in the worst state of its deliveries: dead before sending before waiting before done. */
export function eventState(deliveries: readonly Delivery[], routed: boolean): EventState {
  if (!routed) return "unrouted";
  const standing = standingDeliveries(deliveries);
  for (const state of ["dead", "sending", "waiting"] as const) {
    if (standing.some((delivery) => delivery.state === state)) return state;
  }
  return standing.length === 0 ? "unmatched" : "done";
}

const folded = (text: string): string => text.toLowerCase();

/** Whether the metadata fits; the cheap questions first. */
export function metaMatches(meta: EventMeta, filter: EventFilter): boolean {
  if (filter.kind !== undefined && meta.kind !== filter.kind && meta.eventName !== filter.kind) return false;
  if (filter.action !== undefined && meta.action !== filter.action) return false;
  if (filter.actor !== undefined && meta.actor !== filter.actor) return false;
  if (filter.from !== undefined && meta.receivedAt < filter.from) return false;
  if (filter.to !== undefined && meta.receivedAt > filter.to) return false;
  if (
    filter.project !== undefined &&
    meta.projectPath !== filter.project &&
    String(meta.projectId) !== filter.project
  ) {
    return false;
  }
  return filter.text === undefined || folded(JSON.stringify(meta)).includes(folded(filter.text));
}

/** Whether one of the deliveries is in the state and to the target that the filter wants, both at once where it wants both. */
export function stateMatches(deliveries: readonly Delivery[], routed: boolean, filter: EventFilter): boolean {
  if (filter.state === undefined && filter.target === undefined) return true;
  if (filter.state === "unrouted" || filter.state === "unmatched") {
    return filter.target === undefined && eventState(deliveries, routed) === filter.state;
  }
  return standingDeliveries(deliveries).some(
    (delivery) =>
      (filter.target === undefined || delivery.target === filter.target) &&
      (filter.state === undefined || delivery.state === filter.state),
  );
}
