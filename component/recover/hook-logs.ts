/**
 * GitLab's logs of the hooks as one run reads them, and what the next run has to know of each: how far the log has been dealt with,
 * and which failures in it this run has made itself.
 */
import type { Clock } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import type { HookLogApi } from "../gitlab/hook-log.ts";
import type { Hook, Level, Place } from "../gitlab/types.ts";
import { healthy } from "../hooks/plan.ts";
import type { Missed } from "./finding.ts";
import { HookWork, parentOf, type Mode } from "./hook-work.ts";
import type { HookMemory, Memory } from "./memory.ts";
import { memoryAfter, readLog, type LogRead } from "./read-log.ts";
import { unloggedWindows } from "./unlogged.ts";

export interface HookLogsDeps {
  readonly logs: Readonly<Record<Level, HookLogApi>>;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly mode: Mode;
  /** Wall clock, milliseconds. */
  readonly since: number;
  /** Wall clock, milliseconds; null: the window has no end. */
  readonly until: number | null;
}

/** What was read of a hook's log. */
interface Reading {
  readonly read: LogRead;
  readonly before: HookMemory | null;
  /** Failures in a row at the end of the log. */
  readonly failures: number;
}

export class HookLogs {
  readonly #deps: HookLogsDeps;
  readonly #readings = new WeakMap<HookWork, Reading>();

  constructor(deps: HookLogsDeps) {
    this.#deps = deps;
  }

  /** Reads the log of a hook. Throws UpstreamError, in words where this GitLab has no such log. @returns with the pages that it took */
  async open(place: Place, hook: Hook): Promise<{ readonly work: HookWork; readonly pages: number }> {
    const { memory, mode } = this.#deps;
    const before = memory.hook(hook.id);
    const read = await this.#read(place, hook, before);
    const estimate = this.#estimate(hook, read, before);
    const { missed } = read;
    const work = new HookWork({ place, hook, missed, unlogged: estimate.windows, mode });
    this.#readings.set(work, { read, before, failures: estimate.failures });
    return { work, pages: read.pages };
  }

  /** Lets the next run know what was done; written within a second. */
  async remember(work: HookWork): Promise<void> {
    const { read, before, failures } = this.#readings.get(work) as Reading;
    const leftovers = { open: work.open, failures, echoes: work.echoes };
    await this.#deps.memory.keep(work.hook.id, memoryAfter(read, before, leftovers));
  }

  /** The same; resolves when it is written. */
  async rememberNow(work: HookWork): Promise<void> {
    await this.remember(work);
    await this.#deps.memory.flush();
  }

  /** Notes failures that this run has made GitLab log: without them the next run would take them for new ones. */
  async noteEchoes(work: HookWork): Promise<void> {
    const { read } = this.#readings.get(work) as Reading;
    const later = await readLog({
      log: this.#deps.logs[work.place.level],
      parent: work.parent,
      hookId: work.hook.id,
      memory: { upTo: read.newest, settled: [], failures: 0, at: Number.POSITIVE_INFINITY },
      since: 0,
      until: null,
    });
    const settled = new Set(work.missed.filter((delivery) => work.isSettled(delivery)).map(nameOf));
    for (const delivery of later.missed) if (settled.has(nameOf(delivery))) work.addEchoes(delivery.rowIds);
  }

  async #read(place: Place, hook: Hook, memory: HookMemory | null): Promise<LogRead> {
    const { logs, since, until } = this.#deps;
    const parent = parentOf(place, hook);
    try {
      return await readLog({ log: logs[place.level], parent, hookId: hook.id, memory, since, until });
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.code !== "not-found") throw error;
      const message = `${error.message} (GitLab has a log of deliveries in its API from version 17.3 on)`;
      throw new UpstreamError("no-log", message, { status: 404, retryable: false });
    }
  }

  #estimate(hook: Hook, read: LogRead, before: HookMemory | null): ReturnType<typeof unloggedWindows> {
    const until = Date.parse(String(hook["disabled_until"]));
    return unloggedWindows(
      read.attempts,
      {
        alertStatus: healthy(hook) ? "executable" : String(hook["alert_status"]),
        disabledUntil: Number.isNaN(until) ? null : until,
        failures: before?.failures ?? 0,
      },
      this.#deps.clock.now(),
    );
  }
}

function nameOf(delivery: Missed): string {
  return delivery.id ?? delivery.digest;
}
