/**
 * What every driver of unstorage that the relay uses must do: one suite, run on each. A subject makes storages on one and the same
 * place, so that reopening can be told from starting anew.
 */
import { createStorage, type Driver, type Storage } from "unstorage";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

export interface DriverSubject {
  readonly name: string;
  /** An empty place of its own for each test. */
  place(): Promise<DriverPlace>;
}

export interface DriverPlace {
  /** A driver on this place; one is in use at a time. */
  driver(): Driver;
  /** Whether what was written is there again after dispose() and a new driver. */
  readonly keeps: boolean;
  remove(): Promise<void>;
}

const ODD_KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "ключ:значение",
  "\u{1f98a}:\u{1f430}",
  "with space",
  "a*b[c]",
  "a%3Ab",
  "k".repeat(2000),
];

export function describeDriver(subject: DriverSubject): void {
  describe(`driver contract: ${subject.name}`, () => {
    let place: DriverPlace;
    let storage: Storage;

    beforeEach(async () => {
      place = await subject.place();
      storage = createStorage({ driver: place.driver() });
    });

    afterEach(async () => {
      await storage.dispose();
      await place.remove();
    });

    const reopen = async (): Promise<void> => {
      await storage.dispose();
      storage = createStorage({ driver: place.driver() });
    };

    test("gives back what was set, as JSON values and as strings", async () => {
      for (const value of ["text", "", { a: [1, null, "\u{1f98a}"] }, [], 0, false, null]) {
        await storage.setItem("k", value);
        expect(await storage.getItem("k")).toEqual(value);
      }
    });

    test("gives null for what was never set", async () => {
      expect(await storage.getItem("none")).toBeNull();
      expect(await storage.getItemRaw("none")).toBeNull();
      expect(await storage.hasItem("none")).toBe(false);
    });

    test("overwrites", async () => {
      await storage.setItem("k", "a longer first value");
      await storage.setItem("k", "short");
      expect(await storage.getItem("k")).toBe("short");
    });

    test("keeps raw bytes as they are, also what is no text, nothing, and megabytes", async () => {
      const every = Uint8Array.from({ length: 256 }, (_, n) => n);
      const large = Buffer.alloc(3 * 1024 * 1024, every);
      for (const bytes of [every, Buffer.alloc(0), large, Buffer.from([0xef, 0xbb, 0xbf, 0])]) {
        await storage.setItemRaw("raw", Buffer.from(bytes));
        const found = await storage.getItemRaw<Uint8Array>("raw");
        expect(Buffer.from(found ?? []).equals(Buffer.from(bytes))).toBe(true);
      }
    });

    test("has what was set and not what was removed", async () => {
      await storage.setItem("k", "v");
      expect(await storage.hasItem("k")).toBe(true);
      await storage.removeItem("k");
      expect(await storage.hasItem("k")).toBe(false);
      expect(await storage.getItem("k")).toBeNull();
      await storage.removeItem("k");
    });

    test("takes several at once and gives several at once", async () => {
      await storage.setItems([
        { key: "a", value: "1x" },
        { key: "b", value: "2x" },
      ]);
      const items = await storage.getItems(["b", "none", "a"]);
      const found = new Map(items.map(({ key, value }) => [key, value]));
      expect(found.get("a")).toBe("1x");
      expect(found.get("b")).toBe("2x");
      expect(found.get("none") ?? null).toBeNull();
    });

    test("lists keys below a base, and no others", async () => {
      for (const key of ["a", "a:b", "a:b:c", "ab:c", "d:e"]) await storage.setItem(key, "v");
      expect((await storage.getKeys()).sort()).toEqual(["a", "a:b", "a:b:c", "ab:c", "d:e"]);
      expect((await storage.getKeys("a")).sort()).toEqual(["a:b", "a:b:c"]);
      expect(await storage.getKeys("nothing")).toEqual([]);
    });

    test("lists keys no deeper than asked for", async () => {
      for (const key of ["a", "b:c", "b:c:d"]) await storage.setItem(key, "v");
      expect((await storage.getKeys("", { maxDepth: 1 })).sort()).toEqual(["a", "b:c"]);
    });

    test("clears everything", async () => {
      for (const key of ["a:1", "a:2", "ab", "b"]) await storage.setItem(key, "v");
      await storage.clear();
      expect(await storage.getKeys()).toEqual([]);
    });

    test("keeps meta beside the item, and removes it with it", async () => {
      await storage.setItem("k", "v");
      await storage.setMeta("k", { note: "kept", mtime: new Date("2026-01-15T12:00:00.000Z") });
      expect(await storage.getMeta("k")).toMatchObject({
        note: "kept",
        mtime: new Date("2026-01-15T12:00:00.000Z"),
      });
      expect(await storage.getKeys()).toEqual(["k"]);
      await storage.removeItem("k", { removeMeta: true });
      expect((await storage.getMeta("k"))["note"]).toBeUndefined();
    });

    test.each(ODD_KEYS)("takes the key %j like any other", async (key) => {
      expect(await storage.hasItem(key)).toBe(false);
      expect(await storage.getItem(key)).toBeNull();
      await storage.setItemRaw(key, Buffer.from("bytes"));
      expect(await storage.hasItem(key)).toBe(true);
      expect(Buffer.from((await storage.getItemRaw<Uint8Array>(key)) ?? []).toString()).toBe("bytes");
      expect(await storage.getKeys()).toEqual([key]);
      await storage.removeItem(key);
      expect(await storage.getKeys()).toEqual([]);
    });

    test("works below a mount point as at the root", async () => {
      const outer = createStorage().mount("relay", place.driver());
      await outer.setItem("relay:a:b", "v");
      await outer.setItem("elsewhere", "v");
      expect(await outer.getKeys("relay")).toEqual(["relay:a:b"]);
      expect((await outer.getKeys()).sort()).toEqual(["elsewhere", "relay:a:b"]);
      await outer.clear("relay");
      expect(await outer.getKeys()).toEqual(["elsewhere"]);
      await outer.dispose();
    });

    test("gives concurrent writers what each of them wrote", async () => {
      await Promise.all(
        Array.from({ length: 100 }, async (_, n) => {
          for (let round = 0; round < 5; round++) {
            await storage.setItemRaw(`w:${n}`, Buffer.from(`${n}/${round}`));
            expect(Buffer.from((await storage.getItemRaw<Uint8Array>(`w:${n}`)) ?? []).toString()).toBe(
              `${n}/${round}`,
            );
          }
        }),
      );
      expect((await storage.getKeys("w")).length).toBe(100);
    });

    test("lets the last of several writes to one key win", async () => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => storage.setItem("k", `value ${n}`)));
      expect(await storage.getItem("k")).toBe("value 19");
    });

    test("is there again after reopening, if this driver keeps anything", async () => {
      await storage.setItem("a:b", { kept: true });
      await storage.setItemRaw("raw", Buffer.from([0, 255]));
      await storage.setItem("gone", "v");
      await storage.removeItem("gone");
      await reopen();
      expect(await storage.getItem("a:b")).toEqual(place.keeps ? { kept: true } : null);
      expect(await storage.getKeys()).toHaveLength(place.keeps ? 2 : 0);
      await storage.setItem("a:b", "again");
      expect(await storage.getItem("a:b")).toBe("again");
    });

    test("may be disposed of without having been used, and twice", async () => {
      await storage.dispose();
      await storage.dispose();
    });
  });
}
