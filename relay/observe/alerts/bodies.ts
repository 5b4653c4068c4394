/**
 * What an alert looks like: as JSON of the relay's own, and as the incoming webhooks of Slack, Mattermost and Microsoft Teams
 * (workflows) take it.
 */
import type { AlertFormat } from "../../config/alerts.ts";
import type { AttentionItem } from "../attention/attention.ts";

/** `raised`: it is new; `standing`: it is still there after the time of repetition; `cleared`: it is over. */
export type AlertAction = "raised" | "standing" | "cleared";

export interface Alert {
  readonly action: AlertAction;
  readonly item: AttentionItem;
  /** Address of the page that helps; null: the settings name no dashboard. */
  readonly url: string | null;
}

export const ALERT_KIND = "relay_alert";

export function alertBody(alert: Alert, format: AlertFormat): Uint8Array {
  return Buffer.from(JSON.stringify(contentOf(alert, format)), "utf8");
}

function contentOf(alert: Alert, format: AlertFormat): unknown {
  const { action, item, url } = alert;
  switch (format) {
    case "json": {
      const { kind, severity, text, count, since } = item;
      const at = since === null ? null : new Date(since).toISOString();
      return { object_kind: ALERT_KIND, alert: { action, kind, severity, text, count, since: at, url } };
    }
    case "slack": {
      const link = url === null ? "" : ` <${slackText(url)}|Open the dashboard>`;
      return { text: `*${headline(alert)}* ${slackText(item.text)}${link}` };
    }
    case "mattermost": {
      const link = url === null ? "" : ` [Open the dashboard](${url})`;
      return { text: `**${headline(alert)}** ${markdownText(item.text)}${link}` };
    }
    case "teams":
      return { type: "message", attachments: [{ contentType: ADAPTIVE_CARD, content: card(alert) }] };
    default:
      return format satisfies never;
  }
}

const ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive";

function card(alert: Alert): unknown {
  const { action, item, url } = alert;
  const color = action === "cleared" ? "Good" : item.severity === "critical" ? "Attention" : "Warning";
  return {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.4",
    body: [
      { type: "TextBlock", text: headline(alert), weight: "Bolder", color, wrap: true },
      { type: "TextBlock", text: markdownText(item.text), wrap: true },
    ],
    actions: url === null ? [] : [{ type: "Action.OpenUrl", title: "Open the dashboard", url }],
  };
}

const WORDS: Readonly<Record<AlertAction, string>> = {
  raised: "New",
  standing: "Still there",
  cleared: "Over",
};

function headline({ action, item: { severity } }: Alert): string {
  const severe = severity === "critical" && action !== "cleared" ? ", critical" : "";
  return `GitLab webhooks: ${WORDS[action]}${severe}.`;
}

/** Slack reads these three as markup, and nothing else of a name becomes a mention or a link. */
function slackText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Names of targets and texts of errors come from outside: none of them becomes a link, a mention or an image. */
function markdownText(text: string): string {
  return text.replace(/[\\`*_[\]()<>#|~!@]/g, "\\$&");
}

/** The form that the receiver at an address takes. */
export function formatOf(address: string | null): AlertFormat {
  if (address === null || !URL.canParse(address)) return "json";
  const { hostname, pathname } = new URL(address);
  if (hostname === "hooks.slack.com" || hostname === "hooks.slack-gov.com") return "slack";
  if (/(?:^|\.)(?:webhook\.office\.com|logic\.azure\.com|api\.powerplatform\.com)$/.test(hostname))
    return "teams";
  // Ids of Mattermost: 26 characters.
  return /\/hooks\/[a-z0-9]{26}$/.test(pathname) ? "mattermost" : "json";
}
