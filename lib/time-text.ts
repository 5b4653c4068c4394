/** Times and spans as people write them in filters: for the admin API and the commands alike. Pure. */

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);
const DAY_MS = 86_400_000;

/** Milliseconds of a span such as `15m`, `2h` or `3d`; null: it is none. */
export function spanMs(text: string): number | null {
  const [, count, unit = ""] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS.get(unit);
  return count === undefined || unitMs === undefined ? null : Number(count) * unitMs;
}

/**
 * The wall clock, in milliseconds, of an ISO time or of milliseconds since 1970; null: it is none. Without a zone it is UTC.
 * @param edge of the day or minute that is given without its time or seconds: where it begins or where it ends
 */
export function timeMs(text: string, edge: "begin" | "end"): number | null {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  const [, day = "", minute, second, zone] = match ?? [];
  const time = Date.parse(`${day}T${minute ?? "00:00"}${second ?? ":00"}${zone ?? "Z"}`);
  if (Number.isNaN(time) || !isDay(day)) return null;
  if (edge === "begin" || second !== undefined) return time;
  return time + (minute === undefined ? DAY_MS : 60_000) - 1;
}

/** 31 February is none, though Date.parse() reads it as one in March. */
function isDay(day: string): boolean {
  const at = Date.parse(`${day}T00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}
