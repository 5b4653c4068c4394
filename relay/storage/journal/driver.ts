/**
 * The journal as a driver of unstorage: `createStorage({ driver: journalDriver({ base }) })`. What set, remove and clear did is
 * durable when they resolve. Strings are kept as UTF-8, bytes as they are. The folder is opened, and its lock taken, at the first use.
 */
import { defineDriver, type Driver } from "unstorage";
import { storageClosed } from "./errors.ts";
import type { JournalDeps } from "./opened.ts";
import { openJournal } from "./open.ts";
import type { Journal, JournalOptions, Operation } from "./types.ts";

/** Removals that clear() writes at once. */
const CLEARED_AT_ONCE = 1000;

export type JournalDriver = Driver<JournalOptions, Promise<Journal>>;

/** After dispose() every use rejects with an UpstreamError (`closed`). getInstance() opens the journal if it is not open. */
export function journalDriver(options: JournalOptions, deps: Partial<JournalDeps> = {}): JournalDriver {
  let opening: Promise<Journal> | null = null;
  let disposed = false;

  /** A failed opening is not remembered: the next use tries again. */
  const opened = async (): Promise<Journal> => {
    if (disposed) throw storageClosed();
    opening ??= openJournal(options, deps);
    try {
      return await opening;
    } catch (error) {
      opening = null;
      throw error;
    }
  };
  const set = async (key: string, value: Uint8Array): Promise<void> => {
    await (await opened()).write([{ type: "set", key, value }], "synced");
  };

  return defineDriver<JournalOptions, Promise<Journal>>(() => ({
    name: "journal",
    options,
    getInstance: opened,
    hasItem: async (key) => (await opened()).has(key),
    async getItem(key) {
      const value = await (await opened()).get(key);
      return value === null ? null : textOf(value);
    },
    getItemRaw: async (key) => await (await opened()).get(key),
    setItem: (key, value) => set(key, Buffer.from(value, "utf8")),
    setItemRaw: (key, value) => set(key, bytesOf(key, value)),
    async setItems(items) {
      const operations = items.map<Operation>(({ key, value }) => {
        return { type: "set", key, value: Buffer.from(value, "utf8") };
      });
      await (await opened()).write(operations, "synced");
    },
    async removeItem(key) {
      await (await opened()).write([{ type: "remove", key }], "synced", "completion");
    },
    async getMeta(key) {
      const size = (await opened()).size(key);
      return size === null ? null : { size };
    },
    /** unstorage passes no base where it means every key, whatever its types say. */
    getKeys: async (base?: string) => [...(await opened()).keys(base ?? "")],
    async clear(base?: string) {
      const journal = await opened();
      const keys = [...journal.keys(base ?? "")];
      for (let from = 0; from < keys.length; from += CLEARED_AT_ONCE) {
        const some = keys.slice(from, from + CLEARED_AT_ONCE);
        const removals = some.map<Operation>((key) => ({ type: "remove", key }));
        await journal.write(removals, "synced", "completion");
      }
    },
    async dispose() {
      disposed = true;
      const journal = await opening;
      await journal?.close();
    },
  }))(options);
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
}

function bytesOf(key: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(
      value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength) as ArrayBuffer,
    );
  }
  if (value instanceof ArrayBuffer) return Buffer.from(value.slice(0));
  if (typeof value === "string") return Buffer.from(value, "utf8");
  throw new TypeError(`Cannot store ${typeof value} as raw value of "${key}": neither bytes nor a string`);
}
