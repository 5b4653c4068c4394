import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStorage } from "unstorage";
import memoryDriver from "unstorage/drivers/memory";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { journalDriver } from "../../../../relay/storage/journal/driver.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import { describeDriver } from "../../../helpers/driver-contract.ts";
import { seeded } from "../../../helpers/random.ts";
import { SimDisk } from "../../../helpers/sim-disk.ts";

describeDriver({
  name: "memory",
  place: () =>
    Promise.resolve({ driver: () => memoryDriver(), keeps: false, remove: () => Promise.resolve() }),
});

describeDriver({
  name: "journal",
  async place() {
    const base = await mkdtemp(join(tmpdir(), "journal-driver-"));
    return {
      driver: () => journalDriver({ base }),
      keeps: true,
      remove: () => rm(base, { recursive: true }),
    };
  },
});

describe("journalDriver()", () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), "journal-driver-"));
  });
  afterEach(() => rm(base, { recursive: true }));

  test("touches the folder at the first use, not before", async () => {
    const storage = createStorage({ driver: journalDriver({ base: join(base, "new") }) });
    expect(await readdir(base)).toEqual([]);
    expect(await storage.hasItem("k")).toBe(false);
    expect(await readdir(base)).toEqual(["new"]);
    await storage.dispose();
  });

  test("has made set, remove and clear durable when they resolve", async () => {
    const disk = new SimDisk();
    const driver = journalDriver({ base: "/sim", minFreeBytes: 0 }, { disk });
    const storage = createStorage({ driver });
    const afterPowerCut = async (): Promise<string[]> => {
      const journal = await openJournal({ base: "/sim" }, { disk: disk.afterPowerCut(seeded(1)) });
      const keys = [...journal.keys("")].sort();
      await journal.close();
      return keys;
    };
    for (const key of ["a", "b:1", "b:2"]) await storage.setItem(key, "v");
    await storage.setItemRaw("raw", Buffer.from("v"));
    await storage.setItems([{ key: "s", value: "v" }]);
    expect(await afterPowerCut()).toEqual(["a", "b:1", "b:2", "raw", "s"]);
    await storage.removeItem("a");
    expect(await afterPowerCut()).toEqual(["b:1", "b:2", "raw", "s"]);
    await driver.clear?.("b:", {});
    expect(await afterPowerCut()).toEqual(["raw", "s"]);
    await storage.dispose();
  });

  test("gives the journal as its instance", async () => {
    const driver = journalDriver({ base });
    const journal = await driver.getInstance?.();
    await journal?.write([{ type: "set", key: "k", value: Buffer.from("v") }], "synced");
    expect(await createStorage({ driver }).getItem("k")).toBe("v");
    await driver.dispose?.();
  });

  test("tells the size as meta", async () => {
    const storage = createStorage({ driver: journalDriver({ base }) });
    await storage.setItem("k", "four");
    expect(await storage.getMeta("k", { nativeOnly: true })).toEqual({ size: 4 });
    expect(await storage.getMeta("none")).toEqual({});
    await storage.dispose();
  });

  test("takes raw values as any kind of bytes, or as a string, and refuses what is neither", async () => {
    const storage = createStorage({ driver: journalDriver({ base }) });
    const bytes = Uint8Array.from([1, 2, 3, 4]);
    for (const value of [
      bytes,
      bytes.buffer,
      new DataView(bytes.buffer),
      Buffer.from(bytes),
      "\u0001\u0002\u0003\u0004",
    ]) {
      await storage.setItemRaw("k", value);
      expect(Buffer.from((await storage.getItemRaw<Uint8Array>("k")) ?? [])).toEqual(Buffer.from(bytes));
    }
    await expect(storage.setItemRaw("k", { some: "object" })).rejects.toThrow(TypeError);
    await storage.dispose();
  });

  test("refuses every use after dispose()", async () => {
    const storage = createStorage({ driver: journalDriver({ base }) });
    await storage.setItem("k", "v");
    await storage.dispose();
    await expect(storage.getItem("k")).rejects.toMatchObject({ code: "closed" });
    await expect(storage.setItem("k", "v")).rejects.toMatchObject({ code: "closed" });
  });

  test("tries to open again after an opening that failed", async () => {
    const other = await openJournal({ base });
    const storage = createStorage({ driver: journalDriver({ base }) });
    await expect(storage.getItem("k")).rejects.toMatchObject({ code: "config" });
    await other.close();
    expect(await storage.getItem("k")).toBeNull();
    await storage.dispose();
  });
});
