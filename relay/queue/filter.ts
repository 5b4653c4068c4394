/** Which state an event is in, and whether it fits a filter: pure, for every queue. */
import { instanceOf, type EventMeta } from "../event/event.ts";
import { projectMatcher } from "../event/patterns.ts";
import { isOwnHeader } from "../event/received-headers.ts";
import type { Delivery, DeliveryState } from "./delivery-state.ts";
import type { EventFilter, EventState, OneOrMore } from "./queue.ts";

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

/** The states of deliveries that a filter asks for: those of events that stand for one. */
export function deliveryStates({ state }: EventFilter): DeliveryState[] {
  return several(state).filter((one) => one !== "unrouted" && one !== "unmatched");
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

/** Whether the metadata fits; who asks for many events compiles the filter once. */
export function metaMatches(meta: EventMeta, filter: EventFilter): boolean {
  return compileFilter(filter).meta(meta);
}

/** The questions of a filter that metadata answers. */
export interface CompiledFilter {
  meta(meta: EventMeta): boolean;
  kind(kind: string | null, eventName: string | null): boolean;
  project(id: number | null, path: string | null): boolean;
  /** Whether more is asked of the metadata than kind, project and time. */
  readonly asksMore: boolean;
}

/** Throws a SyntaxError if the project is no glob. */
export function compileFilter(filter: EventFilter): CompiledFilter {
  const { action, actor, from, to } = filter;
  const kinds = several(filter.kind);
  const projects = several(filter.project);
  const instances = several(filter.instance);
  const isProject = projects.length === 0 ? () => true : projectMatcher(projects);
  const words = wordsOf(filter.text ?? "").map(wordQuestion);
  const kind = (one: string | null, eventName: string | null): boolean =>
    kinds.length === 0 || kinds.some((wanted) => wanted === one || wanted === eventName);
  return {
    kind,
    project: isProject,
    asksMore: instances.length > 0 || action !== undefined || actor !== undefined || words.length > 0,
    // The cheap questions first.
    meta(meta) {
      if (!kind(meta.kind, meta.eventName)) return false;
      if (instances.length > 0 && !instances.includes(instanceOf(meta))) return false;
      if (action !== undefined && meta.action !== action) return false;
      if (actor !== undefined && meta.actor !== actor) return false;
      if (from !== undefined && meta.receivedAt < from) return false;
      if (to !== undefined && meta.receivedAt > to) return false;
      if (!isProject(meta.projectId, meta.projectPath)) return false;
      if (words.length === 0) return true;
      const text = searchText(meta);
      return words.every((fits) => fits(meta, text));
    },
  };
}

/** The values of a field that takes one or several; none if it is absent. */
export function several<T extends string>(values: OneOrMore<T> | undefined): readonly T[] {
  if (values === undefined) return [];
  return typeof values === "string" ? [values] : (values as readonly T[]);
}

/** `payments "merge train"`: two of them. */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|([^\s"]+)/g)]
    .map(([, phrase, word]) => (phrase ?? word ?? "").trim().toLowerCase())
    .filter((word) => word !== "");
}

function wordQuestion(word: string): (meta: EventMeta, text: string) => boolean {
  const number = /^([!#])(\d{1,12})$/.exec(word);
  if (number === null) return (_meta, text) => text.includes(word);
  const isRequest = number[1] === "!";
  return (meta, text) =>
    (meta.iid === Number(number[2]) && isMergeRequest(meta) === isRequest) || text.includes(word);
}

function isMergeRequest({ kind, subjectType }: EventMeta): boolean {
  return kind === "merge_request" || subjectType === "MergeRequest";
}

/** Everything in the metadata that a person may look for, folded; a line each, so that no word is found across two. */
function searchText(meta: EventMeta): string {
  const { headers, verifiedBy: _by, verifiedMs: _ms, receivedAt: _at, bodyBytes: _bytes, ...rest } = meta;
  const values = Object.values(rest).filter(
    (value) => typeof value === "string" || typeof value === "number",
  );
  const shown = headers.filter(([name]) => isOwnHeader(name));
  return [...values, ...shown.map(([name, value]) => `${name}: ${value}`)].join("\n").toLowerCase();
}

/** Whether one of the deliveries is as the filter wants: state, target and answer of the same one. */
export function stateMatches(deliveries: readonly Delivery[], routed: boolean, filter: EventFilter): boolean {
  const { state, target, status } = filter;
  if (state === undefined && target === undefined && status === undefined) return true;
  const isOfDelivery = target !== undefined || status !== undefined;
  if (!isOfDelivery && several(state).includes(eventState(deliveries, routed))) return true;
  return standingDeliveries(deliveries).some((delivery) => deliveryMatches(delivery, filter));
}

/** Whether a delivery has the state, the target and the last answer that the filter wants. */
export function deliveryMatches(delivery: Delivery, filter: EventFilter): boolean {
  if (filter.target !== undefined && delivery.target !== filter.target) return false;
  if (filter.state !== undefined && !deliveryStates(filter).includes(delivery.state)) return false;
  return filter.status === undefined || several(filter.status).some((status) => hasStatus(delivery, status));
}

function hasStatus({ history }: Delivery, wanted: string): boolean {
  const last = history.at(-1);
  if (last === undefined) return false;
  if (wanted === "none" || last.status === null) return wanted === "none" && last.status === null;
  return wanted.endsWith("xx") ? String(last.status)[0] === wanted[0] : String(last.status) === wanted;
}
