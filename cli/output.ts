/** Tables for people, JSON for programs. */
import type { Given } from "./command.ts";
import type { CliWorld } from "./world.ts";

/** Whether to print text: asked for, or a person reads it. */
export function wantsText(given: Given, world: CliWorld): boolean {
  return (given.text("--output") ?? (world.isTerminal ? "text" : "json")) === "text";
}

export function printJson(value: unknown, world: CliWorld): void {
  world.stdout(`${JSON.stringify(value, null, 2)}\n`);
}

/** `13:02:11` today, else `2026-01-31 13:02:11`; UTC, as everywhere. */
export function shortTime(iso: string, now: number): string {
  const today = new Date(now).toISOString().slice(0, 10);
  const text = iso.slice(0, 19).replace("T", " ");
  return text.startsWith(today) ? text.slice(11) : text;
}
