/**
 * One process per folder. `lock` in the folder is a symbolic link whose target says who holds it: made in one step, with its
 * content, even on a full disk.
 *
 * Is its holder alive? Another boot, which may be another machine on a shared folder: unknown. Such a holder renews `lock.beat`
 * every BEAT_MS, and counts as gone once that has not changed for SILENT_MS of the newcomer's own time; no clocks are compared. A
 * holder that could not renew it for TRUST_MS asks whether the lock is still its own before it writes anything more, and one that
 * lost it never writes again. The same process namespace: the process with that id must exist and have been started
 * at that time, so that a reused id is not taken for it. Another namespace, as with two containers on one folder, where ids say
 * nothing: the holder listens on a socket in the folder, and the kernel knows whether it still does.
 *
 * A stale lock is replaced by the process that first makes `lock.<its token>`, which works once; that claim is itself a lock, with a
 * holder that may die. Having it, the lock is looked at again: it may have been replaced meanwhile. So there are never two winners,
 * and a crash half-way leaves a stale lock.
 *
 * A machine may freeze between a look and the step that rests on it, and wake when another one has the lock. So a link is removed by
 * moving it aside, in one step, and looking at what was moved; and a lock that was taken over from another machine is used only after
 * TRUST_MS, when any holder in between has found out that it lost the lock.
 *
 * proper-lockfile knows no processes: it goes by the age of a folder on the clock, so that every crash costs its waiting time.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { sleep, type Clock, type Timer } from "../../../lib/clock.ts";
import { ConfigError, messageOf, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";
import { journalRefusal } from "./errors.ts";
import {
  answers,
  describeProcess,
  formatHolder,
  hangUp,
  isSameProcess,
  listenAt,
  parseHolder,
  socketPath,
  type Holder,
} from "./lock-holder.ts";

const LOCK_NAME = "lock";
const BEAT_NAME = "lock.beat";
/** Milliseconds between two signs of life of a holder. */
const BEAT_MS = 2000;
/** Milliseconds for which a holder believes its last look at the lock. */
export const TRUST_MS = 5000;
/** Milliseconds without a sign of life after which a holder on another machine counts as gone. */
export const SILENT_MS = 15_000;
export interface Lock {
  /** Whether the lock was this process's a moment ago: without it, ask ensure() before anything is written. */
  isTrusted(): boolean;
  /** Another process has the folder: nothing may be written any more. */
  isLost(): boolean;
  /** Looks at the lock and renews the sign of life. Rejects with an UpstreamError if it is another process's now. */
  confirm(): Promise<void>;
  /** As confirm(), unless the lock was this process's a moment ago. */
  ensure(): Promise<void>;
  release(): Promise<void>;
}

export interface LockDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes the folder's lock. Rejects with a ConfigError that names the holder if another process has it. */
export async function acquireLock(folder: string, deps: LockDeps): Promise<Lock> {
  const { disk } = deps;
  const token = randomBytes(6).toString("hex");
  const socket = await listenAt(socketPath(folder, token));
  const self: Holder = { ...(await describeProcess(process.pid)), token, listens: socket !== null };
  const held = new HeldLock(folder, self, deps);
  try {
    await take(deps, folder, LOCK_NAME, self);
    await held.confirm();
  } catch (error) {
    await hangUp(socket);
    throw error;
  }
  held.beat();
  return {
    isTrusted: () => held.isTrusted(),
    isLost: () => held.isLost,
    confirm: () => held.confirm(),
    ensure: async () => {
      if (!held.isTrusted()) await held.confirm();
    },
    async release() {
      await held.stop();
      if (await isOurs(disk, join(folder, LOCK_NAME), self)) {
        await forget(disk, join(folder, BEAT_NAME));
        await removeOurs(disk, join(folder, LOCK_NAME), self);
      }
      await hangUp(socket);
    },
  };
}

/** A lock that this process took: its sign of life, and what is known of its being held. */
class HeldLock {
  readonly #folder: string;
  readonly #self: Holder;
  readonly #deps: LockDeps;
  #beats = 0;
  /** Monotonic clock before the last look that found the lock to be ours. */
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #confirming: Promise<void> | null = null;
  #timer: Timer | null = null;
  #isFailing = false;
  #isStopped = false;
  isLost = false;

  constructor(folder: string, self: Holder, deps: LockDeps) {
    this.#folder = folder;
    this.#self = self;
    this.#deps = deps;
  }

  isTrusted(): boolean {
    return !this.isLost && this.#deps.clock.monotonic() - this.#confirmedAt < TRUST_MS;
  }

  confirm(): Promise<void> {
    this.#confirming ??= this.#confirm().finally(() => {
      this.#confirming = null;
    });
    return this.#confirming;
  }

  /** Renews the sign of life from now on. */
  beat(): void {
    if (this.isLost || this.#isStopped) return;
    this.#timer = this.#deps.clock.after(BEAT_MS, () => {
      this.confirm()
        .then(
          () => {
            this.#isFailing = false;
          },
          (error: unknown) => this.#tell(error),
        )
        .finally(() => this.beat());
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#confirming?.catch(() => {});
  }

  async #confirm(): Promise<void> {
    const { disk, clock } = this.#deps;
    const at = clock.monotonic();
    if (!this.isLost && !(await isOurs(disk, join(this.#folder, LOCK_NAME), this.#self))) {
      this.isLost = true;
    }
    if (this.isLost) {
      throw journalRefusal("storage", `Cannot write: another process has taken the folder "${this.#folder}"`);
    }
    const fresh = join(this.#folder, `${BEAT_NAME}.${this.#self.token}`);
    await forget(disk, fresh);
    await disk.symlink(`${this.#self.token}_${++this.#beats}`, fresh);
    await disk.rename(fresh, join(this.#folder, BEAT_NAME));
    this.#confirmedAt = at;
  }

  #tell(error: unknown): void {
    if (this.isLost) {
      this.#deps.log.error("journal.lock-lost", { folder: this.#folder, error: messageOf(error) });
    } else if (!this.#isFailing) {
      this.#deps.log.warn("journal.lock-not-renewed", { folder: this.#folder, error: messageOf(error) });
    }
    this.#isFailing = true;
  }
}

/** Whether a holder on another machine gives a sign of life; takes SILENT_MS to say no. */
async function beats({ disk, clock }: LockDeps, folder: string): Promise<boolean> {
  const path = join(folder, BEAT_NAME);
  const seen = await targetOf(disk, path);
  for (const until = clock.monotonic() + SILENT_MS; clock.monotonic() < until;) {
    await waitAtStart(clock, BEAT_MS / 2);
    if ((await targetOf(disk, path)) !== seen) return true;
  }
  return false;
}

/** The clock's timers keep no process alive, and at a start nothing else does. */
async function waitAtStart(clock: Clock, delayMs: number): Promise<void> {
  const alive = setInterval(() => {}, SILENT_MS);
  try {
    await sleep(clock, delayMs);
  } finally {
    clearInterval(alive);
  }
}

async function take(deps: LockDeps, folder: string, name: string, self: Holder): Promise<void> {
  const { disk, log } = deps;
  const path = join(folder, name);
  for (;;) {
    if (await made(disk, formatHolder(self), path)) return;
    const target = await targetOf(disk, path);
    if (target === null) continue;
    const holder = parseHolder(target);
    if (holder !== null && (await isAlive(deps, holder, self, folder))) {
      throw new ConfigError([
        {
          path: "",
          message:
            `Cannot use folder "${folder}": process ${holder.pid}${holder.boot === self.boot ? "" : " on another machine"} has it (${path}). ` +
            "One process at a time; remove that file only if no such process runs anywhere",
        },
      ]);
    }
    const claim = `${LOCK_NAME}.${holder?.token ?? "unreadable"}`;
    await take(deps, folder, claim, self);
    try {
      if ((await targetOf(disk, path)) !== target) continue;
      const fresh = join(folder, `${LOCK_NAME}.new.${self.token}`);
      await disk.symlink(formatHolder(self), fresh);
      await disk.rename(fresh, path);
      log.warn("journal.stale-lock", { folder, pid: holder?.pid ?? null });
      const isAcross = name === LOCK_NAME && holder !== null && holder.boot !== self.boot;
      if (isAcross) await waitAtStart(deps.clock, TRUST_MS);
      return;
    } finally {
      await removeOurs(disk, join(folder, claim), self);
      if (holder?.listens === true) await forget(disk, socketPath(folder, holder.token));
    }
  }
}

/** False if the name is taken. */
async function made(disk: Disk, target: string, path: string): Promise<boolean> {
  try {
    await disk.symlink(target, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Null if there is no lock; empty if it is something else than a link. */
async function targetOf(disk: Disk, path: string): Promise<string | null> {
  try {
    return await disk.readlink(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    if (systemCode(error) === "EINVAL") return "";
    throw error;
  }
}

async function isOurs(disk: Disk, path: string, self: Holder): Promise<boolean> {
  return (await targetOf(disk, path)) === formatHolder(self);
}

/**
 * Removes a link that was ours a moment ago. If it is another's by now, that one's is put back; a crash in between leaves that holder
 * without it, and so without the right to write.
 */
async function removeOurs(disk: Disk, path: string, self: Holder): Promise<void> {
  const aside = `${path}.gone.${self.token}`;
  try {
    await disk.rename(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  const moved = await targetOf(disk, aside);
  if (moved !== null && moved !== formatHolder(self)) await made(disk, moved, path);
  await disk.unlink(aside);
}

async function forget(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

async function isAlive(deps: LockDeps, holder: Holder, self: Holder, folder: string): Promise<boolean> {
  if (holder.boot !== self.boot) return beats(deps, folder);
  if (holder.namespace === self.namespace) return isSameProcess(holder);
  return !holder.listens || (await answers(socketPath(folder, holder.token)));
}
