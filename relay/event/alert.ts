/**
 * Alerts: events of the relay's own, about itself. They are stored and delivered like webhooks; what tells them apart is that no
 * credential came with them, which no webhook can imitate.
 */
import { text, type Json } from "../../lib/json.ts";
import type { EventMeta } from "./event.ts";

export const ALERT_KIND = "relay_alert";
/** Header of an alert, never sent on: the targets that get it, comma separated. */
export const ALERT_TARGETS = "x-relay-alert-targets";

/** `raised`: it is new; `standing`: it is still there after the time of repetition; `cleared`: it is over. */
export type AlertAction = "raised" | "standing" | "cleared";

/** What an alert says, as its payload has it below `alert`. */
export interface AlertContent {
  readonly action: AlertAction;
  readonly kind: string;
  readonly severity: "critical" | "warning";
  readonly text: string;
  readonly count: number | null;
  /** ISO 8601. */
  readonly since: string | null;
  /** Address of the page that helps; null: the settings name no dashboard. */
  readonly url: string | null;
}

/** Targets of an alert; null: it is a webhook. */
export function alertTargets({
  verifiedBy,
  headers,
}: Pick<EventMeta, "verifiedBy" | "headers">): string[] | null {
  if (verifiedBy.length > 0) return null;
  return headers.find(([name]) => name === ALERT_TARGETS)?.[1].split(",") ?? null;
}

/** As receivers of plain JSON get it; chats that want `text` find it. */
export function alertPayload(content: AlertContent): Json {
  return { object_kind: ALERT_KIND, text: wordsOf(content), alert: content };
}

/** The alert in one sentence, from the payload or, in lists, from the metadata alone. */
export function alertSentence({ action, title }: Pick<EventMeta, "action" | "title">, body: Json): string {
  return text(body["text"]) ?? `${headline(action, "warning")} ${title ?? ""}`;
}

function wordsOf({ action, severity, text: said, url }: AlertContent): string {
  return `${headline(action, severity)} ${said}${url === null ? "" : ` ${url}`}`;
}

function headline(action: string | null, severity: AlertContent["severity"]): string {
  if (action === "cleared") return "GitLab webhooks, over:";
  return `GitLab webhooks, ${action === "standing" ? "still" : "new"}${severity === "critical" ? " and critical" : ""}:`;
}
