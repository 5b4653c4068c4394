/** Times as GitLab writes them: ISO 8601, or `2026-01-15 09:40:00 UTC` and `2026-01-15 09:40:00 +0000` before version 19. */
import { text } from "../../../lib/json.ts";

/** Milliseconds since 1970; null for anything else. */
export function timeOf(value: unknown): number | null {
  const given = text(value);
  if (given === null || given.length > 40) return null;
  const iso = given
    .replace(/^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?: UTC)?$/, "$1T$2Z")
    .replace(/^(\S+) (\S+) ([+-]\d{2}):?(\d{2})$/, "$1T$2$3:$4");
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}

/** RFC 3339; null for what is no time. */
export function rfc3339(value: unknown): string | null {
  const ms = timeOf(value);
  return ms === null ? null : new Date(ms).toISOString();
}

/** Whole seconds from start to end; null if the start is not known or lies behind the end. */
export function secondsBetween(start: number | null, end: number): number | null {
  return start === null || end < start ? null : Math.round((end - start) / 1000);
}
