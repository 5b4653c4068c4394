/**
 * One process per folder. `lock` in the folder is a symbolic link whose target says who holds it: made in one step, with its
 * content, even on a full disk.
 *
 * Is its holder alive? Another boot: no. The same process namespace: the process with that id must exist and have been started
 * at that time, so that a reused id is not taken for it. Another namespace, as with two containers on one folder, where ids say
 * nothing: the holder listens on a socket in the folder, and the kernel knows whether it still does.
 *
 * A stale lock is replaced by whoever first makes `lock.<its token>`, which works once; that claim is itself a lock, with a
 * holder that may die. Having it, the lock is looked at again: it may have been replaced meanwhile. So there are never two winners,
 * and a crash half-way leaves a stale lock.
 */
import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { ConfigError, systemCode } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";

const LOCK_NAME = "lock";
/** How long a path the kernel takes for a socket, with the closing zero. */
const MAX_SOCKET_PATH = 104;

/** Who holds a lock; what the system does not tell is empty. */
interface Holder {
  readonly pid: number;
  /** In the kernel's ticks since boot. */
  readonly startedAt: string;
  readonly namespace: string;
  readonly boot: string;
  readonly token: string;
  readonly listens: boolean;
}

export interface Lock {
  release(): Promise<void>;
}

/** Takes the folder's lock. Rejects with a ConfigError that names the holder where another process has it. */
export async function acquireLock(disk: Disk, folder: string, log: Log): Promise<Lock> {
  const token = randomBytes(6).toString("hex");
  const socket = await listen(socketPath(folder, token));
  const self: Holder = { ...(await describe(process.pid)), token, listens: socket !== null };
  try {
    await take(disk, folder, LOCK_NAME, self, log);
  } catch (error) {
    await hangUp(socket);
    throw error;
  }
  return {
    async release() {
      const path = join(folder, LOCK_NAME);
      if ((await targetOf(disk, path)) === format(self)) await disk.unlink(path);
      await hangUp(socket);
    },
  };
}

async function take(disk: Disk, folder: string, name: string, self: Holder, log: Log): Promise<void> {
  const path = join(folder, name);
  for (;;) {
    if (await made(disk, format(self), path)) return;
    const target = await targetOf(disk, path);
    if (target === null) continue;
    const holder = parse(target);
    if (holder !== null && (await isAlive(holder, self, folder))) {
      throw new ConfigError([
        {
          path: "",
          message:
            `Cannot use folder "${folder}": process ${holder.pid} has it (${path}). ` +
            "One process at a time; remove that file only if no such process runs anywhere",
        },
      ]);
    }
    const claim = `${LOCK_NAME}.${holder?.token ?? "unreadable"}`;
    await take(disk, folder, claim, self, log);
    try {
      if ((await targetOf(disk, path)) !== target) continue;
      const fresh = join(folder, `${LOCK_NAME}.new.${self.token}`);
      await disk.symlink(format(self), fresh);
      await disk.rename(fresh, path);
      log.warn("journal.stale-lock", { folder, pid: holder?.pid ?? null });
      return;
    } finally {
      await disk.unlink(join(folder, claim));
      if (holder?.listens === true) await forget(disk, socketPath(folder, holder.token));
    }
  }
}

/** False where the name is taken. */
async function made(disk: Disk, target: string, path: string): Promise<boolean> {
  try {
    await disk.symlink(target, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Null where there is no lock; empty where it is something else than a link. */
async function targetOf(disk: Disk, path: string): Promise<string | null> {
  try {
    return await disk.readlink(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    if (systemCode(error) === "EINVAL") return "";
    throw error;
  }
}

async function forget(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

function format(holder: Holder): string {
  const { pid, startedAt, namespace, boot, token, listens } = holder;
  return [pid, startedAt, namespace, boot, token, listens ? "socket" : ""].join("_");
}

function parse(target: string): Holder | null {
  const match = /^(\d+)_(\d*)_(\d*)_([0-9a-f]*)_([0-9a-f]+)_(socket)?$/.exec(target);
  if (match === null) return null;
  const [, pid, startedAt = "", namespace = "", boot = "", token = "", socket] = match;
  return { pid: Number(pid), startedAt, namespace, boot, token, listens: socket !== undefined };
}

async function isAlive(holder: Holder, self: Holder, folder: string): Promise<boolean> {
  if (holder.boot !== self.boot) return false;
  if (holder.namespace === self.namespace) {
    if (!exists(holder.pid)) return false;
    return (await describe(holder.pid)).startedAt === holder.startedAt;
  }
  return !holder.listens || (await answers(socketPath(folder, holder.token)));
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

/** What tells this process from others that had or will have its id. Off Linux, the id alone. */
async function describe(pid: number): Promise<Omit<Holder, "token" | "listens">> {
  const [stat, boot, namespace] = await Promise.all([
    orEmpty(readFile(`/proc/${pid}/stat`, "utf8")),
    orEmpty(readFile("/proc/sys/kernel/random/boot_id", "utf8")),
    orEmpty(readlink("/proc/self/ns/pid")),
  ]);
  // The name of the program, in brackets, may hold anything; the first field after it is the state, the 20th the time of the start.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startedAt = isGone(fields[0] ?? "") ? "" : (fields[19] ?? "");
  return {
    pid,
    startedAt,
    namespace: namespace.replace(/\D/g, ""),
    boot: boot.replace(/[^0-9a-f]/g, "").slice(0, 12),
  };
}

/** Ended, and only waiting for its parent to take note. */
function isGone(state: string): boolean {
  return state === "Z" || state === "X";
}

async function orEmpty(text: Promise<string>): Promise<string> {
  try {
    return await text;
  } catch {
    return ""; // no such file: the process is gone, or this is not Linux
  }
}

function socketPath(folder: string, token: string): string {
  return join(folder, `${LOCK_NAME}.${token}.socket`);
}

/** Null where the file system has no sockets, or the path is too long for one. */
async function listen(path: string): Promise<Server | null> {
  if (Buffer.byteLength(path) >= MAX_SOCKET_PATH) return null;
  const server = createServer((connection) => connection.destroy());
  return await new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function hangUp(server: Server | null): Promise<void> {
  if (server === null) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

/** Whether somebody listens there. Only a clear no is a no. */
async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(path);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", (error) => resolve(systemCode(error) !== "ECONNREFUSED"));
  });
}
