/**
 * A disk in memory that remembers what would survive. Killing a process loses nothing that reached the system; cutting the power
 * loses any part of what was not synced: written sectors, file lengths, names in folders. Faults and the moment of the end are set
 * by the test.
 */
import { basename, dirname } from "node:path";
import type { Disk } from "../../relay/storage/journal/disk.ts";
import type { Random } from "./random.ts";

const SECTOR = 64; // smaller than a real one, so that small tests tear often

interface Inode {
  data: Buffer;
  /** What is on stable storage. */
  safe: Buffer;
}

type Entry = Inode | string; // a file, or the target of a symbolic link

export type Operation = keyof Disk;

interface OpenFile {
  readonly inode: Inode;
  readonly path: string;
  /** Its writes are synced before they return. */
  readonly isDurable: boolean;
}

interface Fault {
  readonly matches: (operation: Operation, path: string) => boolean;
  readonly code: string;
  /** How often; Infinity: until cleared. */
  left: number;
}

export class SimDisk implements Disk {
  /** Folder -> name -> entry, as processes see it and as it would survive. */
  readonly #folders = new Map<string, Map<string, Entry>>();
  readonly #safeFolders = new Map<string, Map<string, Entry>>();
  readonly #open = new Map<number, OpenFile>();
  #nextFd = 100;
  #faults: Fault[] = [];
  /** Operations so far. */
  count = 0;
  readonly counts = new Map<Operation, number>();
  /** The process ends at this operation: it does not happen, nor any after it. */
  endAt = Infinity;
  /** Bytes that fit on the disk. */
  capacity = Infinity;
  /** Largest number of bytes that one write takes. */
  longestWrite = Infinity;
  /** What freeBytes() says; null: what is left of the capacity. */
  free: number | null = null;
  /** Answers at once, without a turn of the event loop: for tests that open thousands of journals one after another. */
  instant = false;
  /** Resolves when `endAt` is reached. */
  readonly ended: Promise<void>;
  readonly #end: () => void;

  constructor() {
    let end: () => void = () => {};
    this.ended = new Promise<void>((resolve) => (end = resolve));
    this.#end = end;
    this.#folders.set("/", new Map());
  }

  get openFiles(): number {
    return this.#open.size;
  }

  fail(code: string, matches: (operation: Operation, path: string) => boolean, times = Infinity): void {
    this.#faults.push({ code, matches, left: times });
  }

  heal(): void {
    this.#faults = [];
    this.capacity = Infinity;
  }

  bytes(path: string): Buffer {
    const entry = this.#folder(dirname(path)).get(basename(path));
    if (entry === undefined || typeof entry === "string") throw errno("ENOENT", path);
    return entry.data;
  }

  setBytes(path: string, data: Buffer): void {
    this.#folder(dirname(path)).set(basename(path), { data, safe: data });
  }

  names(folder: string): string[] {
    return [...(this.#folders.get(folder)?.keys() ?? [])].sort();
  }

  /** What the next process finds after this one was killed: all that it had handed to the system, and no lock. */
  afterKill(): SimDisk {
    const next = new SimDisk();
    for (const [folder, entries] of this.#folders) {
      const copy = new Map<string, Entry>();
      for (const [name, entry] of entries) copy.set(name, typeof entry === "string" ? entry : cloned(entry));
      next.#folders.set(folder, copy);
      const safe = new Map<string, Entry>();
      for (const [name, entry] of this.#safeFolders.get(folder) ?? []) {
        const same = entries.get(name) === entry ? copy.get(name) : undefined;
        safe.set(name, same ?? (typeof entry === "string" ? entry : cloned(entry)));
      }
      next.#safeFolders.set(folder, safe);
    }
    next.#unlock();
    return next;
  }

  /** What the next process finds after the power went: what was synced, and any part of the rest. */
  afterPowerCut(random: Random): SimDisk {
    const next = new SimDisk();
    const torn = new Map<Inode, Inode>();
    const survivor = (entry: Entry): Entry => {
      if (typeof entry === "string") return entry;
      let inode = torn.get(entry);
      if (inode === undefined) {
        const data = tear(entry, random);
        inode = { data, safe: data };
        torn.set(entry, inode);
      }
      return inode;
    };
    for (const [folder, entries] of this.#folders) {
      const safe = this.#safeFolders.get(folder) ?? new Map<string, Entry>();
      const kept = new Map<string, Entry>();
      for (const name of new Set([...entries.keys(), ...safe.keys()])) {
        const now = entries.get(name);
        const before = safe.get(name);
        const found = now === before || random.below(2) === 0 ? before : now;
        if (found !== undefined) kept.set(name, survivor(found));
      }
      next.#folders.set(folder, kept);
      next.#safeFolders.set(folder, new Map(kept));
    }
    next.#unlock();
    return next;
  }

  async open(path: string, mode: "create" | "read" | "update"): Promise<number> {
    await this.#step("open", path);
    const folder = this.#folder(dirname(path));
    let entry = folder.get(basename(path));
    if (mode === "create") {
      if (entry !== undefined) throw errno("EEXIST", path);
      entry = { data: Buffer.alloc(0), safe: Buffer.alloc(0) };
      folder.set(basename(path), entry);
    }
    if (entry === undefined || typeof entry === "string") throw errno("ENOENT", path);
    const fd = this.#nextFd++;
    this.#open.set(fd, { inode: entry, path, isDurable: false });
    return fd;
  }

  async openDurable(path: string): Promise<number | null> {
    const fd = await this.open(path, "update");
    this.#open.set(fd, { ...(this.#open.get(fd) as OpenFile), isDurable: true });
    return fd;
  }

  async write(fd: number, parts: readonly Uint8Array[], position: number): Promise<number> {
    const { inode, isDurable } = await this.#stepFile("write", fd);
    const wanted = Buffer.concat(parts).subarray(0, this.longestWrite);
    const room = this.capacity - this.#used() + Math.max(0, inode.data.length - position);
    const bytes = wanted.subarray(0, Math.max(0, room));
    if (bytes.length === 0 && wanted.length > 0) throw errno("ENOSPC", "write");
    const grown = Buffer.alloc(Math.max(inode.data.length, position + bytes.length));
    inode.data.copy(grown);
    grown.set(bytes, position);
    inode.data = grown;
    if (isDurable) await this.syncData(fd);
    return bytes.length;
  }

  async read(fd: number, into: Uint8Array, position: number): Promise<number> {
    const { inode } = await this.#stepFile("read", fd);
    const bytes = inode.data.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async syncData(fd: number): Promise<void> {
    const { inode } = await this.#stepFile("syncData", fd);
    inode.safe = Buffer.from(inode.data);
  }

  async syncAll(fd: number): Promise<void> {
    const { inode } = await this.#stepFile("syncAll", fd);
    inode.safe = Buffer.from(inode.data);
  }

  async truncate(fd: number, length: number): Promise<void> {
    const { inode } = await this.#stepFile("truncate", fd);
    const cut = Buffer.alloc(length);
    inode.data.copy(cut);
    inode.data = cut;
  }

  async size(fd: number): Promise<number> {
    return (await this.#stepFile("size", fd)).inode.data.length;
  }

  async close(fd: number): Promise<void> {
    await this.#stepFile("close", fd);
    this.#open.delete(fd);
  }

  async unlink(path: string): Promise<void> {
    await this.#step("unlink", path);
    if (!this.#folder(dirname(path)).delete(basename(path))) throw errno("ENOENT", path);
  }

  async list(folder: string): Promise<string[]> {
    await this.#step("list", folder);
    return [...this.#folder(folder).keys()];
  }

  async makeFolder(folder: string): Promise<string | null> {
    await this.#step("makeFolder", folder);
    if (this.#folders.has(folder)) return null;
    this.#folders.set(folder, new Map());
    return folder;
  }

  async syncFolder(folder: string): Promise<void> {
    await this.#step("syncFolder", folder);
    this.#safeFolders.set(folder, new Map(this.#folders.get(folder)));
  }

  async freeBytes(folder: string): Promise<number | null> {
    await this.#step("freeBytes", folder);
    return this.free ?? (this.capacity === Infinity ? null : this.capacity - this.#used());
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.#step("symlink", path);
    const folder = this.#folder(dirname(path));
    if (folder.has(basename(path))) throw errno("EEXIST", path);
    folder.set(basename(path), target);
  }

  async readlink(path: string): Promise<string> {
    await this.#step("readlink", path);
    const entry = this.#folder(dirname(path)).get(basename(path));
    if (entry === undefined) throw errno("ENOENT", path);
    if (typeof entry !== "string") throw errno("EINVAL", path);
    return entry;
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step("rename", from);
    const folder = this.#folder(dirname(from));
    const entry = folder.get(basename(from));
    if (entry === undefined) throw errno("ENOENT", from);
    folder.delete(basename(from));
    this.#folder(dirname(to)).set(basename(to), entry);
  }

  #folder(path: string): Map<string, Entry> {
    const folder = this.#folders.get(path);
    if (folder === undefined) throw errno("ENOENT", path);
    return folder;
  }

  #used(): number {
    let sum = 0;
    for (const folder of this.#folders.values()) {
      for (const entry of folder.values()) if (typeof entry !== "string") sum += entry.data.length;
    }
    return sum;
  }

  #unlock(): void {
    for (const folder of this.#folders.values()) folder.delete("lock");
  }

  async #stepFile(operation: Operation, fd: number): Promise<OpenFile> {
    const file = this.#open.get(fd);
    await this.#step(operation, file?.path ?? "");
    if (file === undefined || !this.#open.has(fd)) throw errno("EBADF", String(fd));
    return file;
  }

  async #step(operation: Operation, path: string): Promise<void> {
    this.count += 1;
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1);
    if (this.count >= this.endAt) {
      void turn().then(this.#end);
      await new Promise(() => {}); // the process is gone
    }
    const fault = this.#faults.find((one) => one.left > 0 && one.matches(operation, path));
    if (!this.instant) await turn();
    if (this.count >= this.endAt) await new Promise(() => {});
    if (fault === undefined || fault.left === 0) return;
    fault.left -= 1;
    throw errno(fault.code, path);
  }
}

/** A turn of the event loop: all that was settled has had its say. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function cloned(inode: Inode): Inode {
  return { data: Buffer.from(inode.data), safe: Buffer.from(inode.safe) };
}

/** A length between the synced and the present one, and each sector either old or new; what was never written is zeros. */
function tear({ data, safe }: Inode, random: Random): Buffer {
  if (data.equals(safe)) return data;
  const shorter = Math.min(data.length, safe.length);
  const length = shorter + random.below(Math.abs(data.length - safe.length) + 1);
  const torn = Buffer.alloc(length);
  safe.copy(torn);
  for (let at = 0; at < Math.min(length, data.length); at += SECTOR) {
    if (random.below(2) === 0) data.copy(torn, at, at, Math.min(at + SECTOR, data.length));
  }
  return torn;
}

function errno(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}
