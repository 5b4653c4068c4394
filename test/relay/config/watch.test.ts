import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { ConfigError } from "../../../lib/errors.ts";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { watchFileFolder } from "../../../relay/process/files.ts";
import { loadRelaySettings, type LoadedSettings } from "../../../relay/config/load.ts";
import { POLL_MS, REST_MS, watchSettings } from "../../../relay/config/watch.ts";
import { FakeClock } from "../../helpers/clock.ts";

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A watch over files in memory; the system's notice comes when a test says so. */
function watched(files: Record<string, string>, env: Record<string, string> = {}) {
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level: "info",
    secrets: createSecrets(),
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const load = (previous?: LoadedSettings) =>
    loadRelaySettings({
      ...(previous === undefined ? {} : { previous }),
      env,
      file: null,
      readFile(path) {
        const text = files[path];
        if (text === undefined) throw Object.assign(new Error("not there"), { code: "ENOENT" });
        return text;
      },
    });
  const initial = load();
  if (!initial.ok) throw initial.error;
  const applied: LoadedSettings[] = [];
  const state = {
    applyError: null as Error | null,
    options: [] as { readonly anew: boolean }[],
    delay: null as (() => Promise<void>) | null,
    notice: (): void => {},
    closed: false,
  };
  const watch = watchSettings(initial.settings, {
    clock,
    log,
    load,
    async readText(path) {
      await state.delay?.();
      return files[path] ?? null;
    },
    notify(_file, listener) {
      state.notice = listener;
      return { close: () => (state.closed = true) };
    },
    apply(settings, options) {
      if (state.applyError !== null) throw state.applyError;
      applied.push(settings);
      state.options.push(options);
    },
  });
  cleanups.push(() => watch.close());
  return { clock, lines, applied, watch, state, files, events: () => lines.map((line) => line["event"]) };
}

const yaml = "./relay.yaml";
const ports = (applied: readonly LoadedSettings[]): number[] => applied.map((s) => s.config.server.port);

test("a change is read once it has rested after the system's notice", async () => {
  const { clock, applied, files, state } = watched({ [yaml]: "server: { port: 1 }" });
  files[yaml] = "";
  state.notice();
  await clock.advance(REST_MS - 1);
  files[yaml] = "server: { port: 2 }";
  state.notice();
  await clock.advance(REST_MS - 1);
  expect(applied).toEqual([]);
  await clock.advance(1);
  expect(ports(applied)).toEqual([2]);
});

test("a change that the system does not tell of is found by looking", async () => {
  const { clock, applied, files } = watched({ [yaml]: "server: { port: 1 }" });
  files[yaml] = "server: { port: 2 }";
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2]);
  files[yaml] = "server: { port: 3 }";
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2, 3]);
});

test("notices without another text change nothing", async () => {
  const { clock, applied, state } = watched({ [yaml]: "server: { port: 1 }" });
  for (let i = 0; i < 5; i++) {
    state.notice();
    await clock.advance(POLL_MS);
  }
  expect(applied).toEqual([]);
});

test("a bad file is refused with all its problems, reported once, and the last good one stays", async () => {
  const { clock, applied, files, watch, lines, events } = watched({ [yaml]: "server: { port: 1 }" });
  files[yaml] = "server: { port: many, colour: red }";
  await clock.advance(POLL_MS * 5);
  expect(applied).toEqual([]);
  expect(events()).toEqual(["settings.refused"]);
  expect(lines[0]?.["problems"]).toHaveLength(2);
  expect(watch.refused()).toHaveLength(2);
  files[yaml] = "server: { port: 2 }";
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2]);
  expect(watch.refused()).toBeNull();
});

test.each([
  ["gone", undefined, "is gone"],
  ["empty", "", "is empty"],
  ["comments alone", "# nothing\n---\n", "is empty"],
  ["null", "null\n", "is empty"],
  ["no settings", "{} # none\n", "is empty"],
])("a file that becomes %s is a mistake, told once, and may come back", async (_, text, words) => {
  const { clock, applied, files, watch, events } = watched({});
  files[yaml] = "server: { port: 2 }";
  await clock.advance(POLL_MS + REST_MS);
  if (text === undefined) delete files[yaml];
  else files[yaml] = text;
  await clock.advance(POLL_MS * 3);
  expect(ports(applied)).toEqual([2]);
  expect(watch.refused()?.[0]?.message).toContain(words);
  expect(events().filter((event) => event === "settings.refused")).toHaveLength(1);
  files[yaml] = "server: { port: 3 }";
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2, 3]);
  expect(watch.refused()).toBeNull();
});

test("settings that something outside stands in the way of are refused, told once, and tried again", async () => {
  const { clock, applied, files, watch, state, events } = watched({ [yaml]: "server: { port: 1 }" });
  state.applyError = new ConfigError([{ path: "targets.bot.tls.caFile", message: "cannot be read" }]);
  files[yaml] = "server: { port: 2 }";
  await clock.advance(POLL_MS * 4);
  expect(watch.refused()).toHaveLength(1);
  expect(events()).toEqual(["settings.refused"]);
  state.applyError = null;
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2]);
  expect(watch.refused()).toBeNull();
});

test("look() with isForced applies what has not changed, and wants everything anew", async () => {
  const { applied, watch, state } = watched({ [yaml]: "server: { port: 1 }" });
  await watch.look();
  expect(applied).toHaveLength(0);
  await watch.look({ isForced: true });
  expect(ports(applied)).toEqual([1]);
  expect(state.options).toEqual([{ anew: true }]);
});

test("files that do not answer are asked once, told, and hold nobody up", async () => {
  const { clock, watch, state, files, applied, events } = watched({ [yaml]: "server: { port: 1 }" });
  const answers: (() => void)[] = [];
  state.delay = () => new Promise((resolve) => answers.push(resolve));
  await clock.advance(POLL_MS * 10);
  expect(answers).toHaveLength(1);
  expect(watch.isUnanswered()).toBe(true);
  expect(events()).toEqual(["settings.unanswered"]);
  state.delay = null;
  files[yaml] = "server: { port: 2 }";
  answers[0]?.();
  await clock.advance(POLL_MS + REST_MS);
  expect(watch.isUnanswered()).toBe(false);
  expect(ports(applied)).toEqual([2]);
});

test("look() with isForced reads nothing in one go while files do not answer", async () => {
  const { watch, state, applied } = watched({ [yaml]: "server: { port: 1 }" });
  let answer = (): void => {};
  state.delay = () => new Promise((resolve) => (answer = resolve));
  const looked = watch.look({ isForced: true });
  await Promise.resolve();
  expect(applied).toEqual([]);
  answer();
  await looked;
  expect(ports(applied)).toEqual([1]);
});

test("files of secrets are watched too, also those that were missing at first", async () => {
  const { clock, applied, files, events } = watched(
    { "/run/secret": "first\n" },
    { GITLAB_WEBHOOK_SECRET_FILE: "/run/secret" },
  );
  delete files["/run/secret"];
  await clock.advance(POLL_MS + REST_MS);
  expect(events()).toEqual(["settings.refused"]);
  files["/run/secret"] = "second\n";
  await clock.advance(POLL_MS + REST_MS);
  expect(applied.map((s) => s.config.gitlab.secretTokens)).toEqual([["second"]]);
});

test("settings that cannot be put in force count as refused, are told once and tried again", async () => {
  const { clock, applied, files, watch, state, events } = watched({ [yaml]: "" });
  files[yaml] = "server: { port: 2 }";
  state.applyError = new Error("the folder is gone");
  await clock.advance((POLL_MS + REST_MS) * 3);
  expect(events()).toEqual(["settings.reload-failed"]);
  expect(watch.refused()).toEqual([{ path: yaml, message: "the folder is gone" }]);
  state.applyError = null;
  await clock.advance(POLL_MS + REST_MS);
  expect(ports(applied)).toEqual([2]);
  expect(watch.refused()).toBeNull();
});

test("after an unexpected error the former text of the file is in force as written", async () => {
  const { clock, files, watch, state } = watched({ [yaml]: "server: { port: 1 }" });
  files[yaml] = "server: { port: 2 }";
  state.applyError = new Error("the folder is gone");
  await clock.advance(POLL_MS + REST_MS);
  files[yaml] = "server: { port: 1 }";
  state.applyError = null;
  await clock.advance(POLL_MS + REST_MS);
  expect(watch.refused()).toBeNull();
});

test("a file with an alias that refers to itself is refused with its place", async () => {
  const { clock, files, watch, events } = watched({ [yaml]: "server: { port: 1 }" });
  files[yaml] = "a: &a [*a]";
  await clock.advance(POLL_MS + REST_MS);
  expect(events()).toEqual(["settings.refused"]);
  expect(watch.refused()).toEqual([
    {
      path: `${yaml}:1:8`,
      message: "the alias *a refers to what contains it; write the value out",
    },
  ]);
});

test("look() reads at once; two at a time are one after the other", async () => {
  const { applied, files, watch } = watched({ [yaml]: "" });
  files[yaml] = "server: { port: 2 }";
  await Promise.all([watch.look(), watch.look()]);
  expect(ports(applied)).toEqual([2]);
});

test("close() ends it all", async () => {
  const { clock, applied, files, watch, state } = watched({ [yaml]: "" });
  watch.close();
  files[yaml] = "server: { port: 2 }";
  state.notice();
  await watch.look();
  await clock.advance(POLL_MS * 3);
  expect(applied).toEqual([]);
  expect(state.closed).toBe(true);
});

/** A watch over a real folder, whose notices come from the system; nothing else makes it look. */
async function onDisk(prepare: (folder: string) => Promise<string>) {
  const folder = await mkdtemp(join(tmpdir(), "relay-watch-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const file = await prepare(folder);
  const clock = new FakeClock();
  const load = () => loadRelaySettings({ env: {}, file, readFile: (path) => readFileSync(path, "utf8") });
  const initial = load();
  if (!initial.ok) throw initial.error;
  const applied: LoadedSettings[] = [];
  let noticed = (): void => {};
  const watch = watchSettings(initial.settings, {
    clock,
    log: createLog({ level: "error", secrets: createSecrets(), write: () => {} }),
    load,
    readText: (path) => readFile(path, "utf8").catch(() => null),
    notify: (path, listener) =>
      watchFileFolder(path, () => {
        listener();
        noticed();
      }),
    apply: (settings) => void applied.push(settings),
  });
  cleanups.push(() => watch.close());
  /** Makes a change and waits until the system tells of it. */
  const change = async (action: () => Promise<void>): Promise<void> => {
    const told = new Promise<void>((resolve) => (noticed = resolve));
    await action();
    await told;
    while (clock.nextTimerMs === null || clock.nextTimerMs > REST_MS)
      await new Promise((r) => setImmediate(r));
    await watch.look();
  };
  return { folder, file, applied, change };
}

test("on disk: a file that is overwritten, and one that is replaced", async () => {
  const { file, applied, change } = await onDisk(async (folder) => {
    const path = join(folder, "relay.yaml");
    await writeFile(path, "server: { port: 1 }");
    return path;
  });
  await change(() => writeFile(file, "server: { port: 2 }"));
  await writeFile(`${file}.new`, "server: { port: 3 }");
  await change(() => rename(`${file}.new`, file));
  expect(ports(applied)).toEqual([2, 3]);
});

test("on disk: symbolic links that a container platform swaps", async () => {
  const { folder, applied, change } = await onDisk(async (base) => {
    await mkdir(join(base, "..1"));
    await writeFile(join(base, "..1", "relay.yaml"), "server: { port: 1 }");
    await symlink("..1", join(base, "..data"));
    await symlink("..data/relay.yaml", join(base, "relay.yaml"));
    return join(base, "relay.yaml");
  });
  await mkdir(join(folder, "..2"));
  await writeFile(join(folder, "..2", "relay.yaml"), "server: { port: 2 }");
  await symlink("..2", join(folder, "..data_tmp"));
  await change(() => rename(join(folder, "..data_tmp"), join(folder, "..data")));
  expect(ports(applied)).toEqual([2]);
});

test("watchFileFolder() of a folder that is not there gives none, and the watch polls", () => {
  expect(watchFileFolder("/no/such/folder/relay.yaml", () => {})).toBeNull();
});
