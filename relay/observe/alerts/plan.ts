/** Which matters are to be told now: what is new, what is over, and what still stands after a while. Pure. */
import type { AlertSettings } from "../../config/alerts.ts";
import { attentionKey, type AttentionItem } from "../attention/attention.ts";
import type { AlertAction } from "../../event/alert.ts";

/** A matter that comes back within this time after it was over, in milliseconds, comes and goes. */
export const CALM_MS = 600_000;
/** For so long, in milliseconds, it must stand then before it is told again. */
export const BACK_FOR_MS = 120_000;

/** A matter that was told and is not over. */
export interface Told {
  readonly item: AttentionItem;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

/** A matter that was over a short while ago. Wall clock, milliseconds. */
export interface Over {
  readonly at: number;
  /** Since when it has been back; null: it is away. */
  readonly backAt: number | null;
}

/** What is known of matters, by their keys. */
export interface KnownMatters {
  readonly told: ReadonlyMap<string, Told>;
  readonly over: ReadonlyMap<string, Over>;
}

export interface PlannedAlert {
  readonly key: string;
  readonly action: AlertAction;
  readonly item: AttentionItem;
}

export function planAlerts(
  items: readonly AttentionItem[],
  { told, over }: KnownMatters,
  { on, repeatMinutes }: Pick<AlertSettings, "on" | "repeatMinutes">,
  now: number,
): PlannedAlert[] {
  const planned: PlannedAlert[] = [];
  const standing = new Set<string>();
  for (const item of items) {
    const key = attentionKey(item);
    standing.add(key);
    if (!on.includes(item.kind)) continue;
    const before = told.get(key);
    if (before === undefined) {
      if (mayBeNew(over.get(key), now)) planned.push({ key, action: "raised", item });
    } else if (repeatMinutes > 0 && now - before.at >= repeatMinutes * 60_000)
      planned.push({ key, action: "standing", item });
  }
  for (const [key, { item }] of told) if (!standing.has(key)) planned.push({ key, action: "cleared", item });
  return planned;
}

function mayBeNew(over: Over | undefined, now: number): boolean {
  return (
    over === undefined ||
    now - over.at >= CALM_MS ||
    (over.backAt !== null && now - over.backAt >= BACK_FOR_MS)
  );
}

/** What was over lately, after a list with these matters. */
export function overNow(
  over: ReadonlyMap<string, Over>,
  standing: ReadonlySet<string>,
  now: number,
): Map<string, Over> {
  const left = new Map<string, Over>();
  for (const [key, { at, backAt }] of over)
    if (now - at < CALM_MS) left.set(key, { at, backAt: standing.has(key) ? (backAt ?? now) : null });
  return left;
}
