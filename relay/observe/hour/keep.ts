/**
 * Keeps the last hour over a restart, and what may have been missed: read once at the start, written down then, each minute and at the
 * end. What cannot be written is told once, and nothing else happens.
 */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { jsonOrNull, object } from "../../../lib/json.ts";
import type { Log } from "../../../lib/log.ts";
import type { LastHour } from "../../storage/last-hour.ts";

const EVERY_MS = 60_000;

/** A part of what is kept. */
export interface HourPart {
  save(): unknown;
  restore(saved: unknown): void;
}

export interface KeepDeps {
  readonly store: LastHour;
  readonly clock: Clock;
  readonly log: Log;
  readonly parts: Readonly<Record<"webhooks" | "targets" | "misses", HourPart>>;
}

export async function keepLastHour({
  store,
  clock,
  log,
  parts,
}: KeepDeps): Promise<{ close(): Promise<void> }> {
  let isFailing = false;
  let timer: Timer | null = null;
  const orWarn = async (task: () => Promise<void>): Promise<void> => {
    try {
      await task();
      isFailing = false;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      if (!isFailing) log.warn("hour.not-kept", { error: messageOf(error) });
      isFailing = true;
    }
  };
  const write = (): Promise<void> =>
    orWarn(() =>
      store.write(
        JSON.stringify({
          webhooks: parts.webhooks.save(),
          targets: parts.targets.save(),
          misses: parts.misses.save(),
        }),
      ),
    );
  let writing: Promise<void> = Promise.resolve();
  const later = (): void => {
    timer = clock.after(EVERY_MS, () => {
      writing = write().then(() => {
        if (timer !== null) later();
      });
    });
  };
  await orWarn(async () => {
    const { webhooks, targets, misses } = object(jsonOrNull((await store.read()) ?? ""));
    parts.webhooks.restore(webhooks);
    parts.targets.restore(targets);
    parts.misses.restore(misses);
  });
  // What this start found out is known to the next one, however soon this one is killed.
  await write();
  later();
  return {
    async close() {
      timer?.cancel();
      timer = null;
      await writing;
      await write();
    },
  };
}
