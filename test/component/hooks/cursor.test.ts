import { describe, expect, test } from "vitest";
import { MOST_FAILED, createCursorStore, type Cursor, type Files } from "../../../component/hooks/cursor.ts";

const cursor: Cursor = { walk: "install", offset: 200, afterId: 733, failed: [{ id: 12, path: "acme/x" }] };

function setup(
  texts: Record<string, string> = {},
  path: string | null = "state.json",
  round = "acme#install",
) {
  const files = new Map(Object.entries(texts));
  const warnings: string[] = [];
  const io: Files = {
    read: (name) =>
      name === "locked" ? Promise.reject(new Error("EACCES")) : Promise.resolve(files.get(name) ?? null),
    write: (name, text) =>
      name === "locked" ? Promise.reject(new Error("EROFS")) : Promise.resolve(void files.set(name, text)),
  };
  const store = createCursorStore({ path, round, files: io, log: { warn: (event) => warnings.push(event) } });
  return { files, warnings, store };
}

describe("createCursorStore()", () => {
  test("gives back what was saved, to the same kind of walk only", async () => {
    const { store } = setup();
    expect(await store.load("install")).toBeNull();
    await store.save(cursor);
    expect(await store.load("install")).toEqual(cursor);
    expect(await store.load("sweep")).toBeNull();
    await store.save(null);
    expect(await store.load("install")).toBeNull();
  });

  test("several rounds share a file", async () => {
    const { files, store } = setup();
    await store.save(cursor);
    const text = files.get("state.json") as string;
    const other = setup({ "state.json": text }, "state.json", "beta#install");
    expect(await other.store.load("install")).toBeNull();
    await other.store.save({ ...cursor, offset: 3 });
    const back = setup({ "state.json": other.files.get("state.json") as string });
    expect(await back.store.load("install")).toEqual(cursor);
  });

  test.each(["", "{", "[]", '{"version":2}', '{"version":1,"rounds":{"acme#install":{"walk":"install"}}}'])(
    "a damaged or foreign file (%j) means: from the first project, with a warning",
    async (text) => {
      const { store, warnings } = setup({ "state.json": text });
      expect(await store.load("install")).toBeNull();
      expect(warnings).toEqual(text === "" ? [] : ["state.ignored"]);
      await store.save(cursor);
      expect(await store.load("install")).toEqual(cursor);
    },
  );

  test("a file that cannot be read or written costs the hint and nothing else", async () => {
    const { store, warnings } = setup({}, "locked");
    expect(await store.load("install")).toBeNull();
    await store.save(cursor);
    expect(warnings).toEqual(["state.ignored", "state.ignored", "state.write-failed"]);
  });

  test("without a path nothing is kept", async () => {
    const { store, files } = setup({}, null);
    await store.save(cursor);
    expect(await store.load("install")).toBeNull();
    expect(files.size).toBe(0);
  });

  test("remembers a bounded number of failures", async () => {
    const { store } = setup();
    const failed = Array.from({ length: MOST_FAILED + 5 }, (_, id) => ({ id, path: `p${id}` }));
    await store.save({ ...cursor, failed });
    expect((await store.load("install"))?.failed.length).toBe(MOST_FAILED);
  });
});
