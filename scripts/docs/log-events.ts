/** The relay's log events as a Markdown table, from the calls that write them. */
import { logEventsOf, type LogEvent } from "../structure/log-events.ts";
import { readTexts } from "../structure/sources.ts";

export function logEventsTable(): string {
  const byName = new Map<string, LogEvent[]>();
  for (const { file, text } of ["lib", "relay"].flatMap(readTexts))
    for (const event of logEventsOf(file, text).events)
      byName.set(event.name, [...(byName.get(event.name) ?? []), event]);
  const rows = [...byName]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, events]) => {
      const levels = [...new Set(events.map(({ level }) => level))];
      const fields = [...new Set(events.flatMap((event) => event.fields))];
      return `| \`${name}\` | ${levels.join(", ")} | ${fields.map((field) => `\`${field}\``).join(" ")} |`;
    });
  return ["| Event | Level | Fields |", "| --- | --- | --- |", ...rows].join("\n");
}
