import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { silentLog, type Log, type LogFields } from "../../../../lib/log.ts";
import type { Situation } from "../../../../relay/observe/attention/attention.ts";
import { watchAttention } from "../../../../relay/observe/attention/watch.ts";
import { FakeClock } from "../../../helpers/clock.ts";

function watched() {
  const clock = new FakeClock();
  const registry = new Registry();
  const lines: [string, LogFields | undefined][] = [];
  const note = (event: string, fields?: LogFields): void => void lines.push([event, fields]);
  const log: Log = { ...silentLog, info: note, warn: note, error: note };
  const state = { failing: [] as string[], away: false, orphans: [] as Situation["orphans"] };
  const watch = watchAttention({
    clock,
    log,
    registry,
    situation: async (): Promise<Situation> => {
      if (state.away) throw new UpstreamError("storage", "out of reach", { retryable: true });
      return {
        now: clock.now(),
        failing: state.failing,
        refused: null,
        notStored: null,
        damagedBytes: 0,
        recovery: null,
        targets: [],
        orphans: state.orphans,
        settingsProblems: [],
        unknownVariables: [],
        refusedFiles: [],
      };
    },
  });
  return { clock, registry, lines, state, watch };
}

test("watchAttention() claims no age for what the storage held at the start", async () => {
  const sinceOf = async ({ watch }: ReturnType<typeof watched>) =>
    (await watch.items()).find(({ kind }) => kind === "orphans")?.since;
  const orphans = [{ name: "old-bot", waiting: 0, dead: 5 }];
  const before = watched();
  before.state.orphans = orphans;
  expect(await sinceOf(before)).toBeNull();
  await before.clock.advance(60_000);
  expect(await sinceOf(before)).toBeNull();
  const later = watched();
  await later.watch.items();
  later.state.orphans = orphans;
  const at = later.clock.now();
  expect(await sinceOf(later)).toBe(at);
  await later.clock.advance(60_000);
  expect(await sinceOf(later)).toBe(at);
});

test("watchAttention() looks by itself, logs what comes and goes once, and counts it", async () => {
  const { clock, registry, lines, state, watch } = watched();
  watch.begin();
  await clock.advance(0);
  expect(lines.map(([event, fields]) => [event, fields?.["kind"]])).toEqual([
    ["attention.raised", "no-target"],
  ]);
  const since = clock.now();
  state.failing = ["storage (full)"];
  await clock.advance(10_000);
  state.failing = ["storage (fuller)"];
  await clock.advance(30_000);
  expect((await watch.items()).map((item) => [item.kind, item.since! - since])).toEqual([
    ["not-ready", 10_000],
    ["no-target", 0],
  ]);
  expect(await registry.metrics()).toContain('relay_attention_items{kind="not-ready"} 1');
  state.failing = [];
  state.away = true;
  await clock.advance(10_000);
  state.away = false;
  await clock.advance(10_000);
  expect(lines.slice(1).map(([event, fields]) => [event, fields?.["kind"]])).toEqual([
    ["attention.raised", "not-ready"],
    ["attention.cleared", "not-ready"],
  ]);
  expect(await registry.metrics()).toContain('relay_attention_items{kind="not-ready"} 0');
  watch.close();
  expect(clock.pendingTimers).toBe(0);
});
