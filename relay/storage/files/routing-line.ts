/**
 * The line of stored events that wait to be matched with targets. One after another in the order of storing, so that lanes keep it;
 * in slices, so that requests are answered meanwhile. An event that the routing fails on is logged, stays visible as unrouted and is
 * tried again; the others go on.
 *
 * Where events go is written in batches within a second. A crash before that routes them again: no delivery is lost by it.
 */
import type { Timer } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import { ShortLivedMap } from "../../../lib/short-lived.ts";
import type { EventMeta } from "../../event/event.ts";
import { decodeEvent } from "../../event/event.ts";
import { breathe } from "./core.ts";
import type { Core } from "./core.ts";
import type { Route, Router } from "../../queue/queue.ts";
import { readMeta } from "./reading.ts";
import { PREFIX } from "./records.ts";
import { MAX_ROUTED, RoutesWriter } from "./route-records.ts";
import { EVENT_FLAGS } from "./memory/table.ts";

/**
 * Events whose metadata is kept until they are routed. They are all routed in one go, however many a burst brings in one turn of the
 * event loop: letting them wait would only mean to read them again.
 */
const MAX_FRESH = 4096;
/** Events between two breaths, of those that must be read. */
const SLICE_READ = 32;
const WRITE_AFTER_MS = 1000;
const TRY_AGAIN_MS = 60_000;

export class RoutingLine {
  readonly #core: Core;
  #router: Router | null = null;
  #line: number[] = [];
  #head = 0;
  /** Those that the routing failed on: not in line until they are tried again. */
  readonly #failed = new Set<number>();
  readonly #fresh = new ShortLivedMap<number, EventMeta>();
  #routed = new RoutesWriter();
  #writeTimer: Timer | null = null;
  #againTimer: Timer | null = null;
  #running: Promise<void> | null = null;

  constructor(core: Core) {
    this.#core = core;
  }

  setRouter(router: Router): void {
    this.#router = router;
    this.#tryAgain();
  }

  /** An event joins the line. @param meta where it is at hand */
  add(event: number, meta: EventMeta | null): void {
    this.#core.table.setEventFlag(event, EVENT_FLAGS.inLine, true);
    this.#line.push(event);
    if (meta !== null && this.#fresh.size < MAX_FRESH) this.#fresh.set(event, meta);
    this.#start();
  }

  /** An event that is not in line is about to be freed. */
  forget(event: number): void {
    this.#failed.delete(event);
  }

  /** Wall clock of receipt of the oldest event in line; null if it is empty. */
  oldestAt(): number | null {
    const [failed] = this.#failed;
    const event = failed ?? this.#line[this.#head];
    return event === undefined ? null : this.#core.table.receivedAt(event);
  }

  /** Stops after the event under way and writes down what was routed. */
  async close(): Promise<void> {
    this.#againTimer?.cancel();
    await this.#running;
    await this.#write();
  }

  #tryAgain(): void {
    this.#againTimer?.cancel();
    this.#againTimer = null;
    for (const event of this.#failed) this.#core.table.setEventFlag(event, EVENT_FLAGS.inLine, true);
    this.#line = [...this.#failed, ...this.#line.slice(this.#head)];
    this.#head = 0;
    this.#failed.clear();
    this.#start();
  }

  #start(): void {
    if (this.#running !== null || this.#router === null || this.#core.isClosed()) return;
    if (this.#head >= this.#line.length) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    await breathe();
    let effort = 0;
    while (this.#head < this.#line.length && !this.#core.isClosed()) {
      const event = this.#line[this.#head++]!;
      if (this.#head > 4096 && this.#head * 2 > this.#line.length) {
        this.#line = this.#line.slice(this.#head);
        this.#head = 0;
      }
      const outcome = this.#step(event);
      if (outcome !== undefined) await outcome;
      effort += outcome === undefined ? 1 / MAX_FRESH : 1 / SLICE_READ;
      if (effort < 1) continue;
      await breathe();
      effort = 0;
    }
  }

  /** Routes one event; at once if the router needs nothing more than metadata at hand. */
  #step(event: number): Promise<void> | undefined {
    const meta = this.#fresh.get(event);
    this.#fresh.delete(event);
    if (this.#isGone(event)) return undefined;
    if (meta === undefined) return this.#stepSlowly(event);
    try {
      const routes = this.#route(event, meta);
      if (routes instanceof Promise) {
        return routes.then(
          (found) => this.#arrive(event, meta, found),
          (error) => this.#fail(event, error),
        );
      }
      return this.#arrive(event, meta, routes);
    } catch (error) {
      this.#fail(event, error);
    }
    return undefined;
  }

  async #stepSlowly(event: number): Promise<void> {
    const { table } = this.#core;
    try {
      const meta = await readMeta(this.#core, table.index.keyOf(event));
      if (meta === null) throw new Error("the stored event cannot be read");
      table.describe(event, meta);
      await this.#arrive(event, meta, await this.#route(event, meta));
    } catch (error) {
      this.#fail(event, error);
    }
  }

  #route(event: number, meta: EventMeta): ReturnType<Router> {
    const key = this.#core.table.index.keyOf(event);
    return this.#router!(meta, async () => {
      const bytes = await this.#core.journal.get(key);
      if (bytes === null) throw new Error("the stored event cannot be read");
      return decodeEvent(bytes).body;
    });
  }

  #fail(event: number, error: unknown): void {
    if (this.#isGone(event)) return;
    const { log, table, clock } = this.#core;
    log.error("routing.failed", { eventId: table.index.idOf(event), error: messageOf(error) });
    table.setEventFlag(event, EVENT_FLAGS.inLine, false);
    this.#failed.add(event);
    this.#againTimer ??= clock.after(TRY_AGAIN_MS, () => this.#tryAgain());
  }

  /** As #done(), but not while a replay is being written: it may be one of this event, which would get a second delivery then. */
  #arrive(event: number, meta: EventMeta, routes: readonly Route[]): Promise<void> | undefined {
    const { turns } = this.#core;
    if (turns.isBusy) return turns.run(() => this.#done(event, meta, routes));
    this.#done(event, meta, routes);
    return undefined;
  }

  #done(event: number, meta: EventMeta, routes: readonly Route[]): void {
    if (this.#isGone(event)) return;
    const { table, book, work, events } = this.#core;
    table.setEventFlag(event, EVENT_FLAGS.inLine, false);
    book.eventRouted(event);
    const wanted = table.firstDelivery.get(event) === 0 ? routes : this.#withoutReplays(event, routes);
    for (const { target: name, lane } of wanted) {
      const target = book.target(name);
      if (table.findDelivery(event, target.code, 0) !== 0) continue;
      const row = table.addDelivery(event, target.code, 0, null);
      book.admit(row, lane);
      work.touch(target);
    }
    this.#note(event, meta, wanted);
    events.emit({ type: "routed", meta, targets: routes.map((route) => route.target) });
  }

  /** An event that was replayed to a target before it was routed, or moved there before its routes were written, has that already. */
  #withoutReplays(event: number, routes: readonly Route[]): readonly Route[] {
    const { table, book } = this.#core;
    const rows = table.deliveriesOf(event).filter((row) => table.replay.get(row) > 0);
    return routes.filter(({ target }) => !rows.some((row) => book.targetOf(row).name === target));
  }

  /** Whether the event was removed while it stood in line; its row ends here then. */
  #isGone(event: number): boolean {
    const { table, book } = this.#core;
    if (!table.hasEventFlag(event, EVENT_FLAGS.removed)) return false;
    table.setEventFlag(event, EVENT_FLAGS.inLine, false);
    book.removeEvent(event);
    return true;
  }

  #note(event: number, meta: EventMeta, routes: readonly Route[]): void {
    const { table, clock } = this.#core;
    this.#routed.add({
      id: table.index.wordsOf(event),
      receivedAt: meta.receivedAt,
      kind: meta.kind,
      eventName: meta.eventName,
      projectId: meta.projectId,
      projectPath: meta.projectPath,
      gitlabIds: table.gitlabIdsOf(event),
      routes,
    });
    if (this.#routed.count === MAX_ROUTED) void this.#write();
    else this.#writeTimer ??= clock.after(WRITE_AFTER_MS, () => void this.#write());
  }

  async #write(): Promise<void> {
    this.#writeTimer?.cancel();
    this.#writeTimer = null;
    const { table, records, journal, log } = this.#core;
    const routed = this.#routed;
    if (routed.count === 0) return;
    this.#routed = new RoutesWriter();
    const number = records.nextRoutes();
    records.seen(number);
    const events = routed.filter((w0, w1, w2, w3) => {
      const event = table.index.find(w0, w1, w2, w3);
      if (event === 0) return false;
      table.record.set(event, number);
      records.count(number, 1);
      return true;
    });
    if (events === 0) {
      records.forget(number);
      return;
    }
    try {
      await journal.write(
        [{ type: "set", key: PREFIX.routes + number, value: routed.encode() }],
        "lazy",
        "completion",
      );
    } catch (error) {
      // The events are stored and go their way; after a restart they are matched anew.
      log.warn("routing.write-failed", { record: number, events, error: messageOf(error) });
    }
  }
}
