/** Which state an event is in, and whether it fits a filter: pure, for every queue. */
import type { EventMeta } from "../event/event.ts";
import type { Delivery } from "./delivery-state.ts";
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

/** An event is what most needs somebody's eye: dead before sending before waiting before done. */
export function eventState(deliveries: readonly Delivery[], routed: boolean): EventState {
  if (!routed) return "unrouted";
  const latest = latestDeliveries(deliveries);
  for (const state of ["dead", "sending", "waiting"] as const) {
    if (latest.some((delivery) => delivery.state === state)) return state;
  }
  return latest.length === 0 ? "unmatched" : "done";
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
  return latestDeliveries(deliveries).some(
    (delivery) =>
      (filter.target === undefined || delivery.target === filter.target) &&
      (filter.state === undefined || delivery.state === filter.state),
  );
}
