/** Renders the table of GitLab's events as Markdown. */
import { EVENTS } from "../../lib/events.ts";

const code = (names: readonly string[]): string => names.map((n) => `\`${n}\``).join(" ");

export function eventsTable(): string {
  const rows = EVENTS.map(
    (row) =>
      `| ${row.title} | \`${row.header}\` | ${code(row.objectKinds)} | ${code(row.eventNames)} | ${row.flag === null ? "always sent" : `\`${row.flag}\``} | ${row.scopes.join(", ")} | ${row.since === null ? "" : row.since.join(".")} |`,
  );
  return `| event | \`X-Gitlab-Event\` | \`object_kind\` | \`event_name\`, \`event_type\` | hook attribute | hooks | since |\n| --- | --- | --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
}
