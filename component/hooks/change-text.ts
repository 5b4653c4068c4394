/** Differences in words: what people read of a change, where report.json has attributes and values. Pure. */
import type { Change } from "./plan.ts";

function valueText(value: Change["from"]): string {
  return value === null ? "nothing" : typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** `push, merge_requests` of the flags that went one way. */
function events(changes: readonly Change[], to: "added" | "removed"): string {
  return changes
    .filter((change) => isEvent(change) && change.to === (to === "added"))
    .map(({ attribute }) => attribute.replace(/_events$/, ""))
    .join(", ");
}

function isEvent({ attribute, to }: Change): boolean {
  return attribute.endsWith("_events") && typeof to === "boolean";
}

const PRESENCE: ReadonlyMap<string, string> = new Map([
  ["token_present", "secret token"],
  ["signing_token_present", "signing token"],
]);

/** One change; events are told together by `changesText`. */
export function changeText(change: Change): string {
  const { attribute, from, to } = change;
  if (attribute === "secrets") return from === null ? "secret: to be written" : "secret: changed";
  const presence = PRESENCE.get(attribute);
  if (presence !== undefined) return `${presence}: ${to === true ? "missing" : "taken away"}`;
  if (attribute === "duplicate") return `duplicate hook ${String(from)} removed`;
  if (attribute === "alert_status") return `woken: it was ${String(from)}`;
  return `${attribute}: ${valueText(from)} -> ${valueText(to)}`;
}

/** All changes of a hook, events by name. */
export function changesText(changes: readonly Change[]): string {
  const added = events(changes, "added");
  const removed = events(changes, "removed");
  return [
    ...(added === "" ? [] : [`events added: ${added}`]),
    ...(removed === "" ? [] : [`events removed: ${removed}`]),
    // That a hook is removed is the action itself.
    ...changes.filter((change) => !isEvent(change) && change.attribute !== "hook").map(changeText),
  ].join("; ");
}
