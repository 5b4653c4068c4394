/**
 * What the journal needs from a file system, in its own words, and node:fs behind it. Tests put faults and power cuts here.
 * The callback functions of node:fs are used on purpose: on the write path they are measurably quicker than file handles.
 */
import { close, constants, fdatasync, fstat, fsync, ftruncate, open, read, statfs, writev } from "node:fs";
import { mkdir, readdir, readFile, readlink, rename, stat, symlink, unlink } from "node:fs/promises";

export interface Disk {
  /** `create`: a new file, must not exist, read and write. `read`: as it is. `update`: existing, read and write. */
  open(path: string, mode: "create" | "read" | "update"): Promise<number>;
  /**
   * As `update`, and each write is on stable storage when it returns (O_DSYNC). Null if that cannot be had, or if the runtime does
   * not let it be verified.
   */
  openDurable(path: string): Promise<number | null>;
  /** Bytes written: possibly fewer than given. */
  write(fd: number, parts: readonly Uint8Array[], position: number): Promise<number>;
  /** Bytes read: possibly fewer than asked for; 0 at the end. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** The data, and what of the metadata is needed to read it, are on stable storage. */
  syncData(fd: number): Promise<void>;
  syncAll(fd: number): Promise<void>;
  truncate(fd: number, length: number): Promise<void>;
  size(fd: number): Promise<number>;
  close(fd: number): Promise<void>;
  unlink(path: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  /** With its parents, for the owner only; returns the first one made, null if all existed. */
  makeFolder(folder: string): Promise<string | null>;
  /** The names in the folder are on stable storage. */
  syncFolder(folder: string): Promise<void>;
  /** Bytes that this process may still use; null if the system does not say. */
  freeBytes(folder: string): Promise<number | null>;
  symlink(target: string, path: string): Promise<void>;
  readlink(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
}

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

const OPEN_FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  read: constants.O_RDONLY,
  update: constants.O_RDWR,
} as const;

export const nodeDisk: Disk = {
  open: (path, mode) => called((done) => open(path, OPEN_FLAGS[mode], FILE_MODE, done)),
  async openDurable(path) {
    if (constants.O_DSYNC === undefined) return null;
    const fd = await called<number>((done) => open(path, OPEN_FLAGS.update | constants.O_DSYNC, done));
    if (await hasFlag(fd, path, constants.O_DSYNC)) return fd;
    await called<void>((done) => close(fd, done));
    return null;
  },
  write: (fd, parts, position) => called((done) => writev(fd, parts, position, done)),
  read: (fd, into, position) => called((done) => read(fd, into, 0, into.length, position, done)),
  syncData: (fd) => called<void>((done) => fdatasync(fd, done)),
  syncAll: (fd) => called<void>((done) => fsync(fd, done)),
  truncate: (fd, length) => called<void>((done) => ftruncate(fd, length, done)),
  size: async (fd) => (await called<{ size: number }>((done) => fstat(fd, done))).size,
  close: (fd) => called<void>((done) => close(fd, done)),
  unlink,
  list: (folder) => readdir(folder),
  makeFolder: async (folder) => (await mkdir(folder, { recursive: true, mode: FOLDER_MODE })) ?? null,
  async syncFolder(folder) {
    const fd = await called<number>((done) => open(folder, constants.O_RDONLY, done));
    try {
      await called<void>((done) => fsync(fd, done));
    } finally {
      await called<void>((done) => close(fd, done));
    }
  },
  async freeBytes(folder) {
    const space = await called<{ bavail: number; bsize: number }>((done) => statfs(folder, done));
    return space.bavail * space.bsize;
  },
  symlink: (target, path) => symlink(target, path),
  readlink: (path) => readlink(path),
  rename,
};

/**
 * Whether the kernel has the file open with the flag. A runtime that drops flags it does not know, or whose descriptors are not the
 * kernel's, must not make anybody believe that a write is durable: no clear yes is a no.
 */
async function hasFlag(fd: number, path: string, flag: number): Promise<boolean> {
  try {
    const [text, opened, named] = await Promise.all([
      readFile(`/proc/self/fdinfo/${fd}`, "utf8"),
      stat(`/proc/self/fd/${fd}`),
      stat(path),
    ]);
    const octal = /^flags:\s+([0-7]+)$/m.exec(text)?.[1];
    const isFile = opened.ino === named.ino && opened.dev === named.dev;
    return isFile && octal !== undefined && (Number.parseInt(octal, 8) & flag) === flag;
  } catch {
    return false; // not Linux, or no such descriptor
  }
}

/** Goes on after a short write until everything is written. */
export async function writeAll(
  disk: Disk,
  fd: number,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = parts;
  let at = position;
  while (rest.length > 0) {
    let done = await disk.write(fd, rest, at);
    at += done;
    let index = 0;
    while (index < rest.length && done >= (rest[index] as Uint8Array).length) {
      done -= (rest[index] as Uint8Array).length;
      index += 1;
    }
    rest = rest.slice(index);
    if (done > 0) rest = [(rest[0] as Uint8Array).subarray(done), ...rest.slice(1)];
  }
}

/** What a callback function of node:fs calls back with. */
function called<T>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, result) => {
      if (error) reject(error);
      else resolve(result as T);
    });
  });
}
