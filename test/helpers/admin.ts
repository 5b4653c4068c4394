/**
 * The operator's side on a queue in memory: an app to send requests to, without a socket. Requests come from this machine
 * unless a test says otherwise.
 */
import { UpstreamError } from "../../lib/errors.ts";
import { silentLog, type Log, type LogFields } from "../../lib/log.ts";
import { createAdmin, type Admin } from "../../relay/admin/admin.ts";
import { attentionOf } from "../../relay/observe/attention/attention.ts";
import { situationOf } from "../../relay/observe/attention/situation.ts";
import { createMinuteStats } from "../../relay/observe/hour/minute-stats.ts";
import { MissWatch, recoveryDue } from "../../relay/observe/recovery-due.ts";
import type { TargetStatus } from "../../relay/observe/target-status.ts";
import { createReplayDesk } from "../../relay/replay/jobs.ts";
import type { AdminDeps } from "../../relay/admin/ports.ts";
import {
  AuditCursorError,
  type AuditEntry,
  type AuditNote,
  type AuditPage,
  type AuditQuery,
  type AuditTrail,
} from "../../relay/storage/audit-trail.ts";
import type { InstanceRecovery } from "../../relay/recovery/recoveries.ts";
import { configSchema, type Config } from "../../relay/config/schema.ts";
import type { EventMeta } from "../../relay/event/event.ts";
import { createAddressRules } from "../../relay/http/client-address.ts";
import { createMetrics, type Metrics } from "../../relay/observe/metrics.ts";
import type { Settlement } from "../../relay/queue/delivery-state.ts";
import { metaMatches, stateMatches } from "../../relay/queue/filter.ts";
import type { EventSummary } from "../../relay/queue/queue.ts";
import type { RefusedFile } from "../../relay/routing/project-file.ts";
import { createRouting } from "../../relay/routing/routing.ts";
import { FakeClock } from "./clock.ts";
import { eventMeta } from "./events.ts";
import { ADMIN_TOKEN } from "./relay-process.ts";
import { createMemoryQueue, type MemoryQueue } from "./memory-queue.ts";

export interface AdminOptions {
  /** @default ADMIN_TOKEN */
  readonly token?: string;
  /** What relays of one storage share. @default a storage of its own */
  readonly sessions?: AdminDeps["sessions"];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly targets?: readonly string[];
  readonly activity?: AdminDeps["activity"];
  /** Asks the identity provider. @default there is none */
  readonly fetch?: AdminDeps["fetch"];
}

/** What a storage keeps of sessions, in memory. */
export function memorySessions(salt = "salt"): AdminDeps["sessions"] & { failing: boolean } {
  const counters = new Map<string, number>();
  const shared = {
    salt: async () => salt,
    failing: false,
    epoch: (name: string) => ({
      async read() {
        if (shared.failing) throw new UpstreamError("storage", "out of reach", { retryable: true });
        return counters.get(name) ?? 0;
      },
      async advance() {
        const next = (await shared.epoch(name).read()) + 1;
        counters.set(name, next);
        return next;
      },
    }),
  };
  return shared;
}

/** An audit trail in memory. */
export class MemoryAuditTrail implements AuditTrail {
  readonly entries: AuditEntry[] = [];
  /** Set: nothing can be written. */
  failing = false;

  async note(note: AuditNote): Promise<string> {
    if (this.failing) throw new UpstreamError("storage", "the disk is full", { retryable: true });
    const id = String(this.entries.length + 1).padStart(6, "0");
    this.entries.push({ id, ...note, status: null });
    return id;
  }

  async answered(id: string, status: number): Promise<void> {
    const index = this.entries.findIndex((entry) => entry.id === id);
    this.entries[index] = { ...(this.entries[index] as AuditEntry), status };
  }

  async list({ before, subject, limit }: AuditQuery): Promise<AuditPage> {
    if (before !== undefined && !/^\d{6}$/.test(before)) throw new AuditCursorError();
    const fitting = this.entries
      .toReversed()
      .filter((entry) => before === undefined || entry.id < before)
      .filter((entry) => subject === undefined || entry.subject === subject);
    const entries = fitting.slice(0, limit);
    return { entries, cursor: fitting.length > limit ? (entries.at(-1)?.id ?? null) : null };
  }

  async expire(): Promise<void> {}
  async close(): Promise<void> {}
}

export interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** @default 127.0.0.1 */
  readonly from?: string;
  readonly httpVersion?: string;
}

export interface AdminFixture {
  readonly admin: Admin;
  readonly queue: MemoryQueue;
  readonly clock: FakeClock;
  readonly audit: MemoryAuditTrail;
  readonly metrics: Metrics;
  readonly lines: { readonly event: string; readonly fields: LogFields }[];
  config: Config;
  statuses: TargetStatus[];
  refusedFiles: RefusedFile[];
  settingsProblems: string[];
  recoveries: InstanceRecovery[];
  /** How often replay jobs told that there is something to do. */
  wakes: number;
  /** Sends a request with the token. */
  api(path: string, request?: Request): Promise<Response>;
  /** Sends a request as it is. */
  raw(path: string, request?: Request): Promise<Response>;
  /** Stores an event; it goes to the targets given. Returns its id. */
  add(meta?: Partial<EventMeta>, body?: string, to?: readonly string[]): Promise<string>;
  /** Claims and settles one delivery of the target. */
  settle(target: string, outcome: "done" | "retry" | "dead"): Promise<void>;
  close(): void;
}

export function targetStatus(name: string, changes: Partial<TargetStatus> = {}): TargetStatus {
  return {
    name,
    type: "http",
    address: `https://${name}.example.com/hooks`,
    enabled: true,
    breaker: "closed",
    breakerUntil: null,
    inFlight: 0,
    concurrency: 16,
    rateWaitMs: null,
    attemptsLastMinute: 0,
    attemptsLastTenMinutes: 0,
    failedLastTenMinutes: 0,
    lastError: null,
    trend: 0,
    lastHour: { succeeded: 0, failed: 0, p95Ms: null },
    errors: [],
    ...changes,
  };
}

export function createAdminFixture(options: AdminOptions = {}): AdminFixture {
  const clock = new FakeClock();
  const targets = options.targets ?? ["ci-bot", "audit"];
  const queue = listing(createMemoryQueue(() => clock.now()));
  let to: readonly string[] = [];
  queue.setRouting(() => to.map((target) => ({ target, lane: null })), targets);
  const metrics = createMetrics({ queue, now: () => clock.now(), process: false });
  const lines: AdminFixture["lines"] = [];
  const fixture: AdminFixture = {
    queue,
    clock,
    audit: new MemoryAuditTrail(),
    metrics,
    lines,
    config: configSchema.parse({ admin: { token: options.token ?? ADMIN_TOKEN }, ...options.settings }),
    settingsProblems: [],
    recoveries: [],
    wakes: 0,
    statuses: targets.map((name) => targetStatus(name)),
    refusedFiles: [],
    admin: undefined as unknown as Admin,
    api(path, request = {}) {
      const { token } = fixture.config.admin;
      return fixture.raw(path, {
        ...request,
        headers: { Authorization: `Bearer ${token}`, ...request.headers },
      });
    },
    async raw(path, { method = "GET", headers = {}, body, from = "127.0.0.1", httpVersion = "1.1" } = {}) {
      const init = { method, headers, ...(body === undefined ? {} : { body }) };
      const incoming = { socket: { remoteAddress: from }, httpVersion };
      return fixture.admin.app.request(path, init, { incoming });
    },
    async add(meta = {}, body = "{}", wanted = []) {
      to = wanted;
      const { id: _id, ...rest } = eventMeta({
        receivedAt: clock.now(),
        bodyBytes: Buffer.byteLength(body),
        eventName: meta.kind ?? "push",
        ...meta,
      });
      const dedupeKey = `test-${queue.stored().length}-${queue.calls.enqueue}`;
      const { id } = await queue.enqueue({ meta: rest, body: Buffer.from(body), dedupeKey });
      return id;
    },
    async settle(target, outcome) {
      const [claim] = await queue.claim(target, { first: 1, retry: 0 });
      if (claim === undefined) throw new Error(`nothing to claim for ${target}`);
      await claim.settle(settlement(outcome, clock.now()));
    },
    close() {
      fixture.admin.close();
      metrics.close();
    },
  };
  const minutes = createMinuteStats(metrics, queue, clock);
  const misses = new MissWatch(metrics, queue, { now: () => clock.now(), away: null });
  const recovery = () => recoveryDue(misses.of("default"), clock.now());
  const admin = createAdmin({
    minutes,
    attention: async () =>
      attentionOf(
        situationOf({
          now: clock.now(),
          checks: queue.checks(),
          stats: await queue.stats(),
          minutes,
          board: { list: () => fixture.statuses, flow: () => ({ arrived: 0, ended: 0, failingSince: null }) },
          recovery: recovery(),
          settingsProblems: fixture.settingsProblems,
          unknownVariables: [],
          refusedFiles: fixture.refusedFiles,
        }),
      ),
    queue,
    replays: createReplayDesk({
      jobs: queue.replayJobs,
      clock,
      log: recording(lines),
      targets: () => fixture.statuses.map(({ name }) => name),
      wake: () => void (fixture.wakes += 1),
    }),
    clock,
    metrics,
    log: recording(lines),
    config: () => fixture.config,
    targets: () => fixture.statuses,
    targetMinutes: () => [],
    sessions: options.sessions ?? memorySessions(),
    audit: fixture.audit,
    routing: {
      ...createRouting({ clock, log: recording(lines), env: {} }),
      refusedFiles: () => fixture.refusedFiles,
    },
    recoveries: () => fixture.recoveries,
    fetch: options.fetch ?? (() => Promise.reject(new TypeError("no provider"))),
    addresses: () => createAddressRules(fixture.config.server),
    version: "1.2.3",
    secretFile: () => null,
    activity: options.activity ?? null,
  });
  return Object.assign(fixture, { admin });
}

export function settlement(outcome: "done" | "retry" | "dead", at: number): Settlement {
  const attempt = { at, durationMs: 12, status: 200, error: null, excerpt: "fine" };
  const failed = { ...attempt, status: 503, error: "answered 503", excerpt: "down for repairs" };
  switch (outcome) {
    case "done":
      return { outcome, at: at + 12, attempt };
    case "retry":
      return { outcome, at: at + 12, attempt: failed, dueAt: at + 60_000 };
    case "dead":
      return { outcome, at: at + 12, attempt: failed, reason: "answered 503, attempts used up" };
    default:
      return outcome satisfies never;
  }
}

function recording(lines: AdminFixture["lines"]): Log {
  const note =
    () =>
    (event: string, fields: LogFields = {}): void =>
      void lines.push({ event, fields });
  return { ...silentLog, info: note(), warn: note(), error: note() };
}

/** The queue in memory with lists that filter and page, as the real ones do. */
function listing(queue: MemoryQueue): MemoryQueue {
  const summaries = async () => {
    const all = await Promise.all(queue.stored().map(({ meta }) => queue.get(meta.id)));
    return all.filter((event) => event !== null).toReversed();
  };
  return {
    ...queue,
    async list(filter, limit, cursor, order = "newest") {
      const fitting = (await summaries()).filter(
        (event) => metaMatches(event.meta, filter) && stateMatches(event.deliveries, true, filter),
      );
      const ordered = order === "newest" ? fitting : fitting.toReversed();
      const isBehind = ({ meta }: EventSummary): boolean =>
        cursor === null || (order === "newest" ? meta.id < cursor : meta.id > cursor);
      const rest = ordered.filter(isBehind);
      const events = rest.slice(0, limit);
      const last = events.at(-1)?.meta.id ?? null;
      return { events, cursor: rest.length > limit ? last : null, partial: false, looked: events.length };
    },
  };
}
