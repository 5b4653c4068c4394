import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import type { Log, LogFields } from "../../../lib/log.ts";
import { configSchema } from "../../../relay/config/schema.ts";
import type { EventMeta } from "../../../relay/event/event.ts";
import {
  createProjectFiles,
  MAX_FILE_CHARACTERS,
  type FileAnswer,
  type ProjectFiles,
} from "../../../relay/routing/project-file.ts";
import { readProjectRules } from "../../../relay/routing/project-rules.ts";
import {
  createRulesThread,
  RulesTooExpensiveError,
  type RulesRunner,
} from "../../../relay/routing/rules-thread.ts";
import { createRouter } from "../../../relay/routing/route.ts";
import { createFileFetcher } from "../../../relay/routing/project-file-client.ts";
import { FakeClock } from "../../helpers/clock.ts";
import { eventMeta } from "../../helpers/events.ts";
import { repositoryOf, type Repository } from "../../simulator/pipelines-api.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

const SETTINGS = { instance: "default", path: ".gitlab-hook-relay.yml", refreshSeconds: 300 };
const noBody = (): Promise<Uint8Array> => Promise.resolve(Buffer.from("{}"));

let events: string[];
const log: Log = (() => {
  const write = (event: string, fields: LogFields = {}): void => {
    events.push(`${event} ${JSON.stringify(fields)}`);
  };
  const own: Log = { debug: write, info: write, warn: write, error: write, child: () => own };
  return own;
})();

beforeEach(() => {
  events = [];
});

/** The same rules, in this thread. */
const inline: RulesRunner = {
  read: (text) => Promise.resolve().then(() => readProjectRules(text).targets),
  judge: ({ text, target, meta, body }) =>
    Promise.resolve().then(() => readProjectRules(text).judge(target, meta, body)),
};
let runner: RulesRunner = inline;

describe("createProjectFiles()", () => {
  let clock: FakeClock;
  let asked: { readonly projectId: number; readonly etag: string | null }[];
  let answer: () => Promise<FileAnswer>;
  let files: ProjectFiles;
  let route: (meta?: Partial<EventMeta>) => Promise<string[]>;

  const found = (text: string, etag = "e1"): (() => Promise<FileAnswer>) => {
    return () => Promise.resolve({ type: "found", text, etag });
  };
  const away = (): Promise<FileAnswer> => Promise.reject(new Error("no route to GitLab"));

  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
    files = createProjectFiles(SETTINGS, {
      clock,
      log,
      onRuleError: () => {},
      rules: { read: (text) => runner.read(text), judge: (request) => runner.judge(request) },
      fetchFile: (projectId, _path, etag) => {
        asked.push({ projectId, etag });
        return answer();
      },
    });
    const targets = { bot: { type: "log", branches: ["main"] }, all: { type: "log" } };
    const router = createRouter(configSchema.parse({ targets }), { narrowing: files.narrowing });
    route = async (meta = {}) =>
      (await router(eventMeta({ kind: "issue", header: "Issue Hook", ...meta }), noBody)).map(
        (r) => r.target,
      );
  });

  test("narrows what targets get, and never widens it", async () => {
    answer = found("targets: { bot: { branches: [main, dev] }, all: { enabled: false }, unknown: {} }");
    expect(await route()).toEqual(["bot"]);
    expect(await route({ ref: "refs/heads/dev" })).toEqual([]);
    expect(await route({ projectId: null })).toEqual(["bot", "all"]);
  });

  test("a known file is used at once, and asked for anew with its ETag when it is old", async () => {
    answer = found("targets: { all: { enabled: false } }");
    await route();
    await route();
    expect(asked).toEqual([{ projectId: 42, etag: null }]);
    await clock.advance(300_000);
    answer = () => Promise.resolve({ type: "unchanged" });
    expect(await route()).toEqual(["bot"]);
    await clock.advance(1);
    expect(asked.at(-1)).toEqual({ projectId: 42, etag: "e1" });
    await route();
    expect(asked).toHaveLength(2);
  });

  test("a push asks anew at once, without waiting", async () => {
    answer = found("targets: { all: { enabled: false } }");
    await route();
    answer = found("{}", "e2");
    expect(await route({ kind: "push", header: "Push Hook" })).toEqual(["bot"]);
    await clock.advance(1);
    expect(await route()).toEqual(["bot", "all"]);
  });

  test("without a file the central settings hold", async () => {
    answer = () => Promise.resolve({ type: "missing" });
    expect(await route()).toEqual(["bot", "all"]);
    expect(await route()).toEqual(["bot", "all"]);
    expect(asked).toHaveLength(1);
  });

  test("GitLab away: the central settings hold, nobody waits again, and it is told", async () => {
    answer = away;
    expect(await route()).toEqual(["bot", "all"]);
    expect(await route()).toEqual(["bot", "all"]);
    expect(asked).toHaveLength(1);
    expect(events).toEqual([expect.stringContaining("the central settings alone applies")]);
    await clock.advance(30_000);
    answer = found("targets: { all: { enabled: false } }");
    expect(await route()).toEqual(["bot"]);
  });

  test("GitLab away later: the last known file holds", async () => {
    answer = found("targets: { all: { enabled: false } }");
    await route();
    answer = away;
    await clock.advance(300_000);
    expect(await route()).toEqual(["bot"]);
    await clock.advance(1);
    expect(await route()).toEqual(["bot"]);
    expect(events.at(-1)).toContain("the last known file applies");
  });

  test("GitLab hanging: the first event waits two seconds, no more", async () => {
    answer = () => new Promise(() => {});
    let routed: string[] | null = null;
    const routing = route().then((targets) => (routed = targets));
    await clock.advance(1999);
    expect(routed).toBeNull();
    await clock.advance(1);
    expect(await routing).toEqual(["bot", "all"]);
  });

  test("rules that run out of time are refused for good, and the central settings alone apply", async () => {
    const text = "targets: { all: { branches: [main] } }";
    answer = found(text);
    runner = { ...inline, judge: () => Promise.reject(new RulesTooExpensiveError("took longer")) };
    try {
      expect(await route()).toEqual(["bot", "all"]);
      expect(events.at(-1)).toContain("project-file.refused");
      runner = inline;
      await clock.advance(300_000);
      answer = found(text, "e2");
      await route({ ref: "refs/heads/dev" });
      await clock.advance(1);
      expect(events.at(-1)).toContain("its rules took too long before");
      expect(await route({ ref: "refs/heads/dev" })).toEqual(["all"]);
    } finally {
      runner = inline;
    }
  });

  test.each([
    ["YAML that is none", "targets: ["],
    ["unknown keys", "targets: { all: { url: https://evil.example } }"],
    ["a rule that cannot be read", "targets: { all: { when: 'body.x.nope(1)' } }"],
    ["a file that is far too long", `# ${"x".repeat(70_000)}`],
    ["aliases that multiply", "a: &a [x]\ntargets: *a"],
  ])("%s is refused and told, and the last good file holds", async (_claim, text) => {
    answer = found("targets: { all: { enabled: false } }");
    await route();
    answer = found(text, "e2");
    await route({ kind: "push", header: "Push Hook" });
    await clock.advance(1);
    expect(await route()).toEqual(["bot"]);
    expect(events.at(-1)).toContain("project-file.refused");
    expect(files.refused()).toEqual([{ projectId: 42, at: clock.now() - 1, error: expect.any(String) }]);
  });

  test("a refused file is told until another one is read or it is gone", async () => {
    const push = async (next: () => Promise<FileAnswer>): Promise<number> => {
      answer = next;
      await route({ kind: "push", header: "Push Hook" });
      await clock.advance(1);
      return files.refused().length;
    };
    answer = found("targets: [");
    await route();
    expect(files.refused()).toHaveLength(1);
    expect(await push(away)).toBe(1);
    await clock.advance(30_000);
    expect(await push(found("{}", "e2"))).toBe(0);
    expect(await push(found("targets: [", "e3"))).toBe(1);
    expect(await push(() => Promise.resolve({ type: "missing" }))).toBe(0);
  });
});

describe("createRulesThread()", () => {
  const meta = eventMeta({ kind: "push", header: "Push Hook", ref: "refs/heads/main" });

  test("reads and applies rules, and tells what failed", async () => {
    const rules = createRulesThread(systemClock);
    const text = `targets: { bot: { branches: [main], when: 'body.n == 1' }, off: { enabled: false } }`;
    expect(await rules.read(text)).toEqual([
      { name: "bot", enabled: true, hasRules: true, needsBody: true },
      { name: "off", enabled: false, hasRules: false, needsBody: false },
    ]);
    const judge = (body: string) => rules.judge({ text, target: "bot", meta, body: Buffer.from(body) });
    expect(await judge('{"n":1}')).toMatchObject({ passes: true, failures: [] });
    expect(await judge("{}")).toMatchObject({
      passes: false,
      failures: [{ expression: "body.n == 1", error: expect.stringContaining("No such key: n") }],
    });
    await expect(rules.read("targets: [")).rejects.toThrow(SyntaxError);
  });

  test("a request that does not end costs the thread, and the next one is answered", async () => {
    const folder = mkdtempSync(join(tmpdir(), "relay-rules-"));
    const program = join(folder, "thread.mjs");
    writeFileSync(
      program,
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", ({ text }) => {
         if (text === "hang") for (;;);
         if (text === "exit") process.exit();
         parentPort.postMessage({ type: "read", targets: [] });
       });`,
    );
    // Half a second is over for the request that does not end, the second one; the others have their own time on a busy machine.
    let asked = 0;
    const rules = createRulesThread(
      { ...systemClock, after: (ms, run) => systemClock.after(++asked === 2 ? 500 : 4 * ms, run) },
      pathToFileURL(program),
    );
    await rules.read("fine");
    const [hanging, behind] = [rules.read("hang"), rules.read("fine")];
    await expect(hanging).rejects.toThrow(RulesTooExpensiveError);
    expect(await behind).toEqual([]);
    await expect(rules.read("exit")).rejects.toThrow("its rules ended the thread");
    expect(await rules.read("fine")).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe("createFileFetcher()", () => {
  let gitlab: Simulator;
  let repository: Repository;
  let id: number;
  beforeEach(async () => {
    gitlab = await createSimulator();
    const project = gitlab.seed.project(gitlab.seed.group("acme"), "web");
    id = project.id;
    repository = repositoryOf(project);
  });
  afterEach(() => gitlab.close());

  test("finds a file, then only asks whether it has changed", async () => {
    const fetchFile = createFileFetcher(
      { url: `${gitlab.url}/`, tokens: [gitlab.token.value] },
      { clock: systemClock, env: {} },
    );
    expect(await fetchFile(id, SETTINGS.path, null)).toEqual({ type: "missing" });
    repository.files.set(SETTINGS.path, "targets: {}");
    const first = await fetchFile(id, SETTINGS.path, null);
    expect(first).toMatchObject({ type: "found", text: "targets: {}" });
    const etag = first.type === "found" ? first.etag : null;
    expect(await fetchFile(id, SETTINGS.path, etag)).toEqual({ type: "unchanged" });
    repository.files.set(SETTINGS.path, "targets: { a: {} }");
    expect(await fetchFile(id, SETTINGS.path, etag)).toMatchObject({ text: "targets: { a: {} }" });
  });

  test("of a file that is far too long only the beginning is read", async () => {
    repository.files.set(SETTINGS.path, `# ${"é".repeat(2_000_000)}`);
    const api = { url: gitlab.url, tokens: [gitlab.token.value] };
    const answer = await createFileFetcher(api, { clock: systemClock, env: {} })(id, SETTINGS.path, null);
    const { length } = answer.type === "found" ? answer.text : "";
    expect(length).toBeGreaterThan(MAX_FILE_CHARACTERS);
    expect(length).toBeLessThan(300_000);
  });

  test("goes on with the next token, and says when none is left", async () => {
    repository.files.set(SETTINGS.path, "{}");
    const api = { url: gitlab.url, tokens: ["glpat-wrong", gitlab.token.value] };
    const clock = new FakeClock();
    const fetchFile = createFileFetcher(api, { clock, env: {} });
    expect(await fetchFile(id, SETTINGS.path, null)).toMatchObject({ type: "found" });
    gitlab.token.revoked = true;
    await expect(fetchFile(id, SETTINGS.path, null)).rejects.toThrow("GitLab refused each of the 2 tokens");
    gitlab.token.revoked = false;
    await clock.advance(60_000);
    expect(await fetchFile(id, SETTINGS.path, null)).toMatchObject({ type: "found" });
    gitlab.faults.add({ action: { kind: "status", status: 502 } });
    await expect(fetchFile(id, SETTINGS.path, null)).rejects.toThrow("502");
  });
});
