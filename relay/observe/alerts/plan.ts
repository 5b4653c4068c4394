/** Which matters are to be told now: what is new, what is over, and what still stands after a while. Pure. */
import type { AlertSettings } from "../../config/alerts.ts";
import { attentionKey, type AttentionItem } from "../attention/attention.ts";
import type { AlertAction } from "../../event/alert.ts";

/** A matter that was told and is not over. */
export interface Told {
  readonly item: AttentionItem;
  /** Wall clock, milliseconds. */
  readonly at: number;
}

export interface PlannedAlert {
  readonly key: string;
  readonly action: AlertAction;
  readonly item: AttentionItem;
}

export function planAlerts(
  items: readonly AttentionItem[],
  told: ReadonlyMap<string, Told>,
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
    if (before === undefined) planned.push({ key, action: "raised", item });
    else if (repeatMinutes > 0 && now - before.at >= repeatMinutes * 60_000)
      planned.push({ key, action: "standing", item });
  }
  for (const [key, { item }] of told) if (!standing.has(key)) planned.push({ key, action: "cleared", item });
  return planned;
}
