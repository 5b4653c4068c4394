/** Parameters of activity reports: from the text of a URL to a query, or a refusal that names the parameter. */
import type { Asked } from "../../observe/activity/activity.ts";
import { bad, type Read } from "./query.ts";

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const MAX_DAYS = 731;
const MAX_NAME = 300;

/** @param now wall clock; without `to` the range ends today, without `from` it has 30 days */
export function parseActivityQuery(read: Read, now: number): Asked {
  const text = (name: string): string | null => {
    const value = read(name)?.trim() ?? "";
    if (value.length > MAX_NAME) throw bad(`${name} is longer than ${MAX_NAME} characters`);
    return value === "" ? null : value;
  };
  const day = (name: string, fallback: number): string => {
    const value = text(name);
    if (value === null) return new Date(fallback).toISOString().slice(0, 10);
    const ms = /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== value)
      throw bad(`${name} must be a day such as 2026-01-31, not "${value.slice(0, 20)}"`);
    return value;
  };
  const to = day("to", now);
  const from = day("from", Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS);
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1) throw bad("from must not be after to");
  if (days > MAX_DAYS) throw bad(`the range has ${days} days, limit is ${MAX_DAYS}`);
  const group = text("group") ?? "day";
  if (group !== "day" && group !== "week")
    throw bad(`group must be day or week, not "${group.slice(0, 20)}"`);
  return { from, to, group, project: text("project"), instance: text("instance"), author: text("author") };
}
