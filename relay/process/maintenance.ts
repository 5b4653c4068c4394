/**
 * What the relay does by the clock: forgets what retention no longer keeps, gives space back, and looks whether its storage
 * still holds what it promises and what it was given.
 */
import { Cron } from "croner";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { AuditTrail } from "../storage/audit-trail.ts";
import type { Queue } from "../queue/queue.ts";

const DAY_MS = 86_400_000;

/** Cron patterns, with seconds. */
const SCHEDULE = {
  selfCheck: "0 * * * * *",
  retention: "20 * * * * *",
  compaction: "40 */5 * * * *",
  renames: "10 * * * * *",
  verification: "50 * * * * *",
} as const;

export type JobName = keyof typeof SCHEDULE;

export interface Maintenance {
  /** Runs a job now; resolves at its end, also if it failed, which is logged. */
  run(name: JobName): Promise<void>;
  /** When a job runs next; null after stop(). */
  nextRun(name: JobName): Date | null;
  stop(): void;
}

export interface MaintenanceDeps {
  readonly queue: Pick<Queue, "selfCheck" | "expire" | "compact" | "verify">;
  readonly audit: Pick<AuditTrail, "expire">;
  readonly log: Log;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
  /** Days that the audit trail is kept. */
  readonly auditDays: () => number;
  /** Moves deliveries that came in under a former name of a target. */
  readonly moveRenamed: () => Promise<void>;
}

/**
 * Starts the jobs. None runs twice at once, a job that fails is logged and runs again at its next time, and none keeps the
 * process alive.
 */
export function startMaintenance(deps: MaintenanceDeps): Maintenance {
  const { queue, audit, log, now, auditDays } = deps;
  const tasks: Readonly<Record<JobName, () => Promise<void>>> = {
    selfCheck: () => queue.selfCheck(),
    async retention() {
      const events = await queue.expire();
      if (events > 0) log.info("maintenance.expired", { events });
      await audit.expire(now() - auditDays() * DAY_MS);
    },
    compaction: () => queue.compact(),
    verification: () => queue.verify(),
    renames: () => deps.moveRenamed(),
  };
  const start = (name: JobName): Cron =>
    new Cron(
      SCHEDULE[name],
      {
        protect: () => log.warn("maintenance.overrun", { job: name }),
        catch: (error) => log.error("maintenance.failed", { job: name, error: messageOf(error) }),
        unref: true,
      },
      tasks[name],
    );
  const jobs = {
    selfCheck: start("selfCheck"),
    retention: start("retention"),
    compaction: start("compaction"),
    renames: start("renames"),
    verification: start("verification"),
  };
  return {
    run: (name) => jobs[name].trigger(),
    nextRun: (name) => jobs[name].nextRun(),
    stop: () => Object.values(jobs).forEach((job) => job.stop()),
  };
}
