/** What the tests of `recover` share: a clock that jumps over outages, the command in the test's process, a target that counts. */
import type { PlaceReport, RecoveryReport } from "../../component/recover/report.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { Hook } from "../simulator/hook.ts";
import type { Project } from "../simulator/model.ts";
import type { Simulator } from "../simulator/simulator.ts";
import { httpServer, type TestServer } from "./http-server.ts";
import { runInstaller, type InstallerOptions } from "./installer.ts";

export interface JumpClock extends Clock {
  /** The wall clock and the other one run on at once; timers that wait do not notice. */
  jump(ms: number): void;
}

/** @param startAgoMs how far in the past it begins */
export function createJumpClock(startAgoMs = 0, base: Clock = systemClock): JumpClock {
  let jumped = 0;
  return {
    now: () => base.now() - startAgoMs + jumped,
    monotonic: () => base.monotonic() + jumped,
    after: (delayMs, task) => base.after(delayMs, task),
    jump(ms) {
      jumped += ms;
    },
  };
}

export interface RecoverRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: RecoveryReport;
  readonly files: Map<string, string>;
}

export async function runRecover(
  sim: Pick<Simulator, "url" | "token">,
  options: InstallerOptions = {},
): Promise<RecoverRun> {
  const run = await runInstaller(sim, { ...options, command: "recover" });
  return {
    status: run.status,
    stdout: run.stdout,
    stderr: run.stderr,
    files: run.files as Map<string, string>,
    get report() {
      return JSON.parse(run.files.get("report/report.json") ?? "") as RecoveryReport;
    },
  };
}

export function placeOf(run: RecoverRun, path: string): PlaceReport {
  const place = run.report.results.find((p) => p.path === path);
  if (place === undefined) throw new Error(`no result for ${path}: ${run.stdout}${run.stderr}`);
  return place;
}

export interface Arrival {
  /** Event id of the relay. */
  readonly eventId: string;
  /** `Idempotency-Key`. */
  readonly key: string;
  readonly projectId: number;
  /** What the test put into the payload. */
  readonly sequence: number | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface CountingTarget extends TestServer {
  readonly arrivals: Arrival[];
  /** Resolves when so many deliveries have come in. */
  counted(count: number): Promise<void>;
  /** Resolves when each of these deliveries has come in. */
  arrived(keys: Iterable<string>): Promise<void>;
}

/** A target behind the relay that answers 200 and writes down what came in which order. */
export async function countingTarget(): Promise<CountingTarget> {
  const arrivals: Arrival[] = [];
  const waiting = new Set<() => void>();
  const server = await httpServer(({ headers, body }, response) => {
    const payload = JSON.parse(body.toString()) as { project_id?: number; sequence?: number };
    arrivals.push({
      eventId: String(headers["x-relay-event-id"]),
      key: String(headers["idempotency-key"]),
      projectId: payload.project_id ?? 0,
      sequence: payload.sequence ?? null,
      headers,
    });
    response.writeHead(200).end();
    for (const check of waiting) check();
  });
  return Object.assign(server, {
    arrivals,
    counted: (count: number) =>
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (arrivals.length < count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    arrived: (keys: Iterable<string>) =>
      new Promise<void>((resolve) => {
        const missing = new Set(keys);
        let seen = 0;
        const check = (): void => {
          for (; seen < arrivals.length; seen++) missing.delete(arrivals[seen]?.key ?? "");
          if (missing.size > 0) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  });
}

/** Pushes with a number in each, one after another. @returns the keys of those that were sent and logged */
export async function pushes(
  sim: Simulator,
  project: Project,
  sequences: readonly number[],
): Promise<{ readonly keys: string[]; readonly dropped: number }> {
  const keys: string[] = [];
  let dropped = 0;
  for (const sequence of sequences) {
    const report = await sim.trigger(project, "push", { payload: { sequence } });
    keys.push(...report.delivered.map((d) => d.key));
    dropped += report.dropped.length;
  }
  return { keys, dropped };
}

export function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

export function hookOf(project: Project): Hook {
  return project.hooks[0] as Hook;
}
