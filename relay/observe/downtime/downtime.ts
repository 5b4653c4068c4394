/**
 * How long was the relay away? GitLab sends nothing twice, so an operator has to know whether `recover` is due. While the relay
 * takes webhooks it notes the time every few seconds; at its start it finds the last note of the run before.
 */
import type { Registry } from "prom-client";
import type { Clock, Timer } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Check } from "../../queue/queue.ts";
import { registerLastSeen } from "./gauge.ts";
import type { Heartbeat } from "../../storage/heartbeat.ts";

export const BEAT_MS = 5000;
/** Shorter absences are those of an ordinary restart. */
const NOTEWORTHY_MS = 60_000;

export interface Absence {
  /** Wall clock when it was last seen before this start, milliseconds; null: never, as far as is known. */
  readonly lastSeenAt: number | null;
  readonly startedAt: number;
  /** For readiness: tells and never fails. */
  check(): Check;
  /** From now on the relay is there. */
  begin(): void;
  /** The last note, and no more of them. Called again, it does nothing more. */
  close(): Promise<void>;
}

export interface AbsenceDeps {
  readonly heartbeat: Heartbeat;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** Notes are made only while webhooks are taken. */
  readonly isReady: () => boolean;
}

/** Reads the last note and logs the absence. A note that cannot be read is none, with a warning. */
export async function openAbsence(deps: AbsenceDeps): Promise<Absence> {
  const { heartbeat, clock, log } = deps;
  const startedAt = clock.now();
  const lastSeenAt = await lastNote(heartbeat, log);
  registerLastSeen(deps.registry, lastSeenAt ?? startedAt);
  tell(log, lastSeenAt, startedAt);
  let timer: Timer | null = null;
  let isFailing = false;
  let writing: Promise<void> = Promise.resolve();
  let closed: Promise<void> | null = null;

  async function note(): Promise<void> {
    try {
      await heartbeat.write(clock.now());
      isFailing = false;
    } catch (error) {
      if (!isFailing) log.warn("heartbeat.write-failed", { error: messageOf(error) });
      isFailing = true;
    }
  }

  function beat(): void {
    writing = (deps.isReady() ? note() : Promise.resolve()).then(() => {
      if (timer !== null) timer = clock.after(BEAT_MS, beat);
    });
  }

  return {
    lastSeenAt,
    startedAt,
    check: () => ({ name: "last-seen", ok: true, detail: detailOf(lastSeenAt, startedAt) }),
    begin() {
      timer = clock.after(0, beat);
    },
    close() {
      closed ??= close();
      return closed;
    },
  };

  async function close(): Promise<void> {
    // As it is now: the caller is about to take no more webhooks.
    const isThere = timer !== null && deps.isReady();
    timer?.cancel();
    timer = null;
    await writing;
    if (isThere) await note();
    await heartbeat.close();
  }
}

async function lastNote(heartbeat: Heartbeat, log: Log): Promise<number | null> {
  try {
    return await heartbeat.read();
  } catch (error) {
    log.warn("heartbeat.read-failed", { error: messageOf(error) });
    return null;
  }
}

function tell(log: Log, lastSeenAt: number | null, startedAt: number): void {
  if (lastSeenAt === null) {
    log.info("relay.first-start", { note: "nothing is known of an earlier run" });
    return;
  }
  const seconds = secondsBetween(lastSeenAt, startedAt);
  const fields = { since: new Date(lastSeenAt).toISOString(), seconds };
  if (startedAt - lastSeenAt < NOTEWORTHY_MS) log.info("relay.downtime-detected", fields);
  else
    log.warn("relay.downtime-detected", {
      ...fields,
      note: "what GitLab sent in that time failed: run the recover command",
    });
}

function detailOf(lastSeenAt: number | null, startedAt: number): string {
  if (lastSeenAt === null) return "nothing is known of a run before this one";
  const [from, to] = [lastSeenAt, startedAt].map((at) => new Date(at).toISOString());
  const due =
    startedAt - lastSeenAt < NOTEWORTHY_MS
      ? ""
      : "; the recover command fetches what GitLab could not deliver";
  return `away from ${from} to ${to}, ${secondsBetween(lastSeenAt, startedAt)} seconds${due}`;
}

function secondsBetween(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) / 1000));
}
