/** The attention list over time: since when each matter stands, a log line when one comes or goes, and a gauge of how many. */
import { Gauge, type Registry } from "prom-client";
import type { Clock, Timer } from "../../../lib/clock.ts";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { ATTENTION_KINDS } from "../../config/attention-kinds.ts";
import { attentionKey, attentionOf, type AttentionItem, type Situation } from "./attention.ts";

/** Milliseconds between two looks of its own. */
const LOOK_MS = 10_000;

/** Matters of what is stored: what is there at the first look began before this process, who knows when. */
const OF_STORED: ReadonlySet<string> = new Set(["orphans", "dead-letters"]);

export interface AttentionWatch {
  /** The list as it is now. Rejects with an UpstreamError if the storage is out of reach. */
  items(): Promise<readonly AttentionItem[]>;
  /** Looks by itself from now on. */
  begin(): void;
  close(): void;
}

export interface AttentionDeps {
  /** Rejects with an UpstreamError if the storage is out of reach. */
  readonly situation: () => Promise<Situation>;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly log: Log;
  readonly registry: Registry;
  /** Told each list that was made. @default no listener */
  readonly onList?: (items: readonly AttentionItem[]) => void;
}

export function watchAttention({ situation, clock, log, registry, onList }: AttentionDeps): AttentionWatch {
  /** Those of the last look, by what they are about. */
  let standing = new Map<string, AttentionItem>();
  let hasLooked = false;
  let timer: Timer | null = null;

  const sinceOf = ({ kind }: AttentionItem, known: AttentionItem | undefined): number | null => {
    if (known !== undefined) return known.since;
    return !hasLooked && OF_STORED.has(kind) ? null : clock.now();
  };

  const items = async (): Promise<readonly AttentionItem[]> => {
    const found = attentionOf(await situation());
    const next = new Map<string, AttentionItem>();
    for (const item of found) {
      const key = attentionKey(item);
      const known = standing.get(key);
      next.set(key, { ...item, since: item.since ?? sinceOf(item, known) });
      if (known === undefined)
        log.warn("attention.raised", { kind: item.kind, text: item.text, count: item.count });
    }
    for (const [key, { kind, text }] of standing)
      if (!next.has(key)) log.info("attention.cleared", { kind, text });
    standing = next;
    hasLooked = true;
    const list = [...next.values()];
    onList?.(list);
    return list;
  };

  const look = async (): Promise<void> => {
    try {
      await items();
    } catch (error) {
      // The storage's own lines say what is wrong with it.
      if (!(error instanceof UpstreamError)) log.error("attention.failed", { error: messageOf(error) });
    }
    if (timer !== null) timer = clock.after(LOOK_MS, () => void look());
  };

  const gauge = new Gauge({
    name: "relay_attention_items",
    help: "Matters that need an operator, by kind, as GET /api/v1/attention lists them.",
    labelNames: ["kind"],
    registers: [registry],
    collect() {
      for (const kind of ATTENTION_KINDS)
        gauge.set({ kind }, [...standing.values()].filter((item) => item.kind === kind).length);
    },
  });

  return {
    items,
    begin() {
      timer = clock.after(0, () => void look());
    },
    close() {
      timer?.cancel();
      timer = null;
    },
  };
}
