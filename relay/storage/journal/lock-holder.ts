/**
 * Who holds a lock: as the text of its link, and whether that process is still there. Process ids are given again, so a process is known
 * by the time of its start as well; a process of another namespace by a socket at which it listens.
 */
import { readFile, readlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { systemCode } from "../../../lib/errors.ts";

/** How long a path the kernel takes for a socket, with the closing zero. */
const MAX_SOCKET_PATH = 104;

/** Who holds a lock; what the system does not tell is empty. */
export interface Holder {
  readonly pid: number;
  /** In the kernel's ticks since boot. */
  readonly startedAt: string;
  readonly namespace: string;
  readonly boot: string;
  readonly token: string;
  readonly listens: boolean;
}

/** The target of a holder's link. */
export function formatHolder(holder: Holder): string {
  const { pid, startedAt, namespace, boot, token, listens } = holder;
  return [pid, startedAt, namespace, boot, token, listens ? "socket" : ""].join("_");
}

/** Null for anything that formatHolder() does not write. */
export function parseHolder(target: string): Holder | null {
  const match = /^(\d+)_(\d*)_(\d*)_([0-9a-f]*)_([0-9a-f]+)_(socket)?$/.exec(target);
  if (match === null) return null;
  const [, pid, startedAt = "", namespace = "", boot = "", token = "", socket] = match;
  return { pid: Number(pid), startedAt, namespace, boot, token, listens: socket !== undefined };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

/** Whether a holder of this namespace is the process that runs under its id. */
export async function isSameProcess(holder: Holder): Promise<boolean> {
  return exists(holder.pid) && (await describeProcess(holder.pid)).startedAt === holder.startedAt;
}

/** What tells this process from others that had or will have its id. Off Linux, the id alone. */
export async function describeProcess(pid: number): Promise<Omit<Holder, "token" | "listens">> {
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

/** Where a holder with that token listens. */
export function socketPath(folder: string, token: string): string {
  return join(folder, `lock.${token}.socket`);
}

/** Null if the file system has no sockets, or the path is too long for one. */
export async function listenAt(path: string): Promise<Server | null> {
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

/** Ends what listenAt() began. */
export async function hangUp(server: Server | null): Promise<void> {
  if (server === null) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

/** Whether a process listens there. Only a clear no is a no. */
export async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(path);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", (error) => resolve(systemCode(error) !== "ECONNREFUSED"));
  });
}
