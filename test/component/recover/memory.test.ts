import { describe, expect, test } from "vitest";
import { createCursorStore, type Cursor, type Files } from "../../../component/hooks/cursor.ts";
import { openMemory, type Memory } from "../../../component/recover/memory.ts";
import { FakeClock } from "../../helpers/clock.ts";

const cursor: Cursor = { walk: "recover", offset: 200, afterId: 733, failed: [{ id: 12, path: "acme/x" }] };
const hook = { upTo: 40, settled: [43], failures: 2 };
const DAY = 86_400_000;

interface Setup {
  readonly memory: Memory;
  readonly files: Map<string, string>;
  readonly warnings: string[];
  readonly clock: FakeClock;
  writes: number;
}

async function setup(
  text: string | null = null,
  more: { path?: string | null; readOnly?: boolean } = {},
): Promise<Setup> {
  const files = new Map<string, string>(text === null ? [] : [["state.json", text]]);
  const warnings: string[] = [];
  const clock = new FakeClock();
  const state = { files, warnings, clock, writes: 0 };
  const io: Files = {
    read: (name) => Promise.resolve(files.get(name) ?? null),
    write(name, content) {
      state.writes++;
      if (name === "locked") return Promise.reject(new Error("EROFS"));
      return Promise.resolve(void files.set(name, content));
    },
  };
  const memory = await openMemory({
    path: "state.json",
    round: "gitlab.example.com/acme#recover",
    host: "gitlab.example.com",
    files: io,
    clock,
    log: { warn: (event) => warnings.push(event) },
    readOnly: false,
    ...more,
  });
  return Object.assign(state, { memory });
}

describe("openMemory()", () => {
  test("the next run finds what this one kept of hooks and of its round", async () => {
    const first = await setup();
    await first.memory.keep(7, hook);
    await first.memory.save(cursor);
    const next = await setup(first.files.get("state.json") as string);
    expect(next.memory.hook(7)).toMatchObject(hook);
    expect(next.memory.hook(8)).toBeNull();
    expect(await next.memory.load("recover")).toEqual(cursor);
    expect(await next.memory.load("install")).toBeNull();
    await next.memory.save(null);
    expect(await (await setup(next.files.get("state.json") as string)).memory.load("recover")).toBeNull();
  });

  test("a file shared with the installer keeps both parts", async () => {
    const first = await setup();
    await first.memory.keep(7, hook);
    await first.memory.flush();
    const { files } = first;
    const io: Files = {
      read: (name) => Promise.resolve(files.get(name) ?? null),
      write: (name, content) => Promise.resolve(void files.set(name, content)),
    };
    const installer = createCursorStore({
      path: "state.json",
      round: "acme#install",
      files: io,
      log: { warn: () => {} },
    });
    await installer.save({ ...cursor, walk: "install" });
    const next = await setup(files.get("state.json") as string);
    expect(next.memory.hook(7)).toMatchObject(hook);
    await next.memory.save(cursor);
    files.set("state.json", next.files.get("state.json") as string);
    expect(await installer.load("install")).toMatchObject({ walk: "install", offset: 200 });
  });

  test("many changes share a write; flush() waits for it", async () => {
    const state = await setup();
    for (let id = 1; id <= 500; id++) await state.memory.keep(id, hook);
    expect(state.writes).toBe(0);
    await Promise.all([state.memory.flush(), state.memory.flush(), state.memory.flush()]);
    expect(state.writes).toBe(1);
    await state.clock.advance(1000);
    await state.memory.keep(1, hook);
    expect(state.writes).toBe(2);
  });

  test("hooks that nobody has looked at for longer than GitLab's log goes back are forgotten", async () => {
    const state = await setup();
    await state.memory.keep(1, hook);
    await state.clock.advance(5 * DAY);
    await state.memory.keep(2, hook);
    await state.clock.advance(4 * DAY);
    await state.memory.keep(3, hook);
    await state.memory.flush();
    const { logs } = JSON.parse(state.files.get("state.json") as string) as { logs: object };
    expect(Object.keys(logs)).toEqual(["gitlab.example.com/2", "gitlab.example.com/3"]);
  });

  test.each(["{", "[]", '{"version":2}', '{"version":1,"rounds":{},"logs":{"x":{}}}'])(
    "a damaged or foreign file (%j) counts as none, with a warning",
    async (text) => {
      const { memory, warnings } = await setup(text);
      expect([memory.hook(7), warnings]).toEqual([null, ["state.ignored"]]);
    },
  );

  test("without a file, in a dry run and on a folder that takes nothing, the run goes on", async () => {
    for (const more of [{ path: null }, { readOnly: true }]) {
      const state = await setup(null, more);
      await state.memory.keep(7, hook);
      await state.memory.flush();
      expect([state.writes, state.memory.hook(7)]).toEqual([0, expect.objectContaining(hook)]);
    }
    const locked = await setup(null, { path: "locked" });
    await locked.memory.save(cursor);
    expect(locked.warnings).toEqual(["state.write-failed"]);
  });
});
