import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { UpstreamError } from "../../lib/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { createStorageDriver, type CreateStorage } from "../../relay/storage/open.ts";
import { storageWith } from "../helpers/storage.ts";
import type { Relay } from "../../relay/process/relay.ts";
import { ANSWER_MS } from "../../lib/answering-files.ts";
import { EXIT_CONFIG, runProgram, type Host, type Running } from "../../relay/process/program.ts";
import { createMemoryQueue } from "../helpers/memory-queue.ts";
import { FakeClock } from "../helpers/clock.ts";
import { PUSH } from "../helpers/intake.ts";
import { readFileSync } from "node:fs";

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "relay-main-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface Run {
  readonly out: string[];
  readonly err: string[];
  readonly host: Host;
  lines(): Record<string, unknown>[];
  line(event: string): Record<string, unknown> | undefined;
  start(): Promise<Running>;
}

function program(
  env: Record<string, string>,
  argv: readonly string[] = [],
  createStorage: CreateStorage = createStorageDriver,
): Run {
  const out: string[] = [];
  const err: string[] = [];
  const host: Host = {
    argv,
    isTerminal: false,
    env: { PORT: "0", ...env },
    version: "1.2.3",
    installer: [],
    console: { ...console },
    clock: systemClock,
    random: Math.random,
    createStorage,
    readFile: (path) => readFileSync(path, "utf8"),
    readText: (path) => readFile(path, "utf8").catch(() => null),
    notify: () => null,
    stdout: (text) => void out.push(text),
    stderr: (text) => void err.push(text),
  };
  const lines = (): Record<string, unknown>[] =>
    out.map((text) => JSON.parse(text) as Record<string, unknown>);
  return {
    out,
    err,
    host,
    lines,
    line: (event) => lines().find((line) => line["event"] === event),
    async start() {
      const started = await runProgram(host);
      if (typeof started === "number") throw new Error(`exit ${started}: ${err.join("")}`);
      cleanups.push(() => started.stop("test").catch(() => {}));
      return started;
    },
  };
}

function send(url: string, token: string, headers: Record<string, string> = {}, path = "/webhooks/gitlab") {
  return fetch(url + path, {
    method: "POST",
    headers: { "x-gitlab-token": token, "x-gitlab-event": "Push Hook", ...headers },
    body: PUSH,
  });
}

/** A target that tells what it got. */
async function sink(): Promise<{
  url: string;
  got: () => Promise<{ body: Buffer; headers: Record<string, unknown> }>;
}> {
  const waiting: ((request: { body: Buffer; headers: Record<string, unknown> }) => void)[] = [];
  const requests: { body: Buffer; headers: Record<string, unknown> }[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end("ok");
    const got = { body: Buffer.concat(chunks), headers: request.headers };
    const next = waiting.shift();
    if (next === undefined) requests.push(got);
    else next(got);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    got: () =>
      new Promise((resolve) => {
        const ready = requests.shift();
        if (ready === undefined) waiting.push(resolve);
        else resolve(ready);
      }),
  };
}

test("a file that does not answer ends the start with its name, whichever way it was named", async () => {
  const clock = new FakeClock();
  const env = { RELAY_CONFIG: "/hung/relay.yaml", GITLAB_WEBHOOK_SECRET_FILE: "/hung/secret" };
  const { host, err } = program(env);
  const readText = (path: string): Promise<string | null> =>
    path.startsWith("/hung/") ? new Promise(() => {}) : Promise.resolve(null);
  const ended = runProgram({ ...host, clock, readText });
  await clock.advance(ANSWER_MS);
  expect(await ended).toBe(EXIT_CONFIG);
  expect(err.join("")).toContain("/hung/relay.yaml: does not answer: it could not be read within 10 seconds");
  expect(err.join("")).toContain("/hung/secret: does not answer");
});

test("a folder for logs that does not answer ends the start, and one that hangs later does not keep the process", async () => {
  const logs = await folder();
  const env = { RELAY_DATA_DIR: await folder(), RELAY_CONFIG: join(await folder(), "relay.yaml") };
  await writeFile(env.RELAY_CONFIG, JSON.stringify({ log: { dir: logs } }));
  const clock = new FakeClock();
  const first = program(env);
  let ask = (): void => {};
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const readText = (path: string): Promise<string | null> => {
    if (path !== logs) return first.host.readText(path);
    ask();
    return new Promise(() => {});
  };
  const ended = runProgram({ ...first.host, clock, readText });
  await asked;
  await clock.advance(ANSWER_MS);
  expect(await ended).toBe(EXIT_CONFIG);
  expect(first.err.join("")).toContain(`${logs}: does not answer`);

  // Nobody reads from the pipe: what opens it waits for ever.
  const pipe = join(logs, `relay-${new Date().toISOString().slice(0, 10)}.jsonl`);
  execFileSync("mkfifo", [pipe]);
  const running = await program(env).start();
  await running.stop("test");
  await readFile(pipe);
});

test("a target whose certificate does not answer fails its attempts, and the relay starts", async () => {
  const target = await sink();
  const base = await folder();
  const file = join(base, "relay.yaml");
  const targets = {
    tls: { type: "http", url: target.url, tls: { caFile: "/hung/ca.pem" } },
    plain: { type: "http", url: target.url },
  };
  await writeFile(file, JSON.stringify({ targets }));
  const run = program({ RELAY_CONFIG: file, RELAY_DATA_DIR: base, GITLAB_WEBHOOK_SECRET: "s".repeat(20) });
  let late = (): void => {};
  const after: Host["clock"]["after"] = (ms, task) => {
    if (ms === ANSWER_MS) late = task;
    return systemClock.after(ms, task);
  };
  const readText = (path: string): Promise<string | null> => {
    if (path !== "/hung/ca.pem") return run.host.readText(path);
    queueMicrotask(() => late());
    return new Promise(() => {});
  };
  const started = await runProgram({ ...run.host, clock: { ...systemClock, after }, readText });
  if (typeof started === "number") throw new Error(run.err.join(""));
  cleanups.push(() => started.stop("test"));
  expect(run.line("target.unusable")).toMatchObject({
    target: "tls",
    error: expect.stringMatching(/^tls\.caFile "\/hung\/ca\.pem" does not answer: /),
  });
  expect((await send(started.relay.url, "s".repeat(20))).status).toBe(202);
  expect((await target.got()).body).toEqual(PUSH);
});

describe("options", () => {
  test("--help and --version", async () => {
    const help = program({}, ["--help"]);
    expect(await runProgram(help.host)).toBe(0);
    for (const option of ["--config FILE", "--check", "--print-config", "--help", "--version"])
      expect(help.out.join("")).toContain(option);
    const version = program({}, ["--version"]);
    expect(await runProgram(version.host)).toBe(0);
    expect(version.out).toEqual(["1.2.3\n"]);
  });

  test.each([[["--nope"]], [["word"]], [["--config"]], [["--config", ""]], [["--check=1"]]])(
    "%j is refused",
    async (argv) => {
      const { host, err, out } = program({}, argv);
      expect(await runProgram(host)).toBe(EXIT_CONFIG);
      expect(err.join("")).toMatch(/--help lists the options|--config/);
      expect(out).toEqual([]);
    },
  );

  test("--check names every problem and starts nothing", async () => {
    const good = program({ RELAY_DATA_DIR: "/nowhere/at/all" }, ["--check"]);
    expect(await runProgram(good.host)).toBe(0);
    expect(good.out.join("")).toContain("The settings are valid");

    const base = await folder();
    await writeFile(join(base, "relay.yaml"), "server: { port: x }\ncolour: red\n");
    const bad = program({ LOG_LEVEL: "loud" }, ["--check", "--config", join(base, "relay.yaml")]);
    expect(await runProgram({ ...bad.host, env: { LOG_LEVEL: "loud" } })).toBe(EXIT_CONFIG);
    expect(bad.err.join("")).toMatch(/server\.port: [^]*LOG_LEVEL \(log\.level\): [^]*colour/);
    expect(bad.out).toEqual([]);
  });

  test("--check names what is wrong with files of targets together with what the schema refuses", async () => {
    const base = await folder();
    const targets = {
      "secure-bot": { type: "http", url: "https://bot.dev", tls: { caFile: "/nowhere/ca.pem" } },
      "other-bot": {
        type: "http",
        url: "https://bot.dev",
        colour: "red",
        tls: { caFile: "/nowhere/ca.pem" },
      },
      "plain-bot": { type: "http", url: "https://bot.dev", headers: { "X-Key": "${NOT_SET}" } },
    };
    await writeFile(join(base, "relay.yaml"), stringify({ server: { port: "x" }, targets }));
    for (const action of [["--check"], []]) {
      const { host, err } = program({}, [...action, "--config", join(base, "relay.yaml")]);
      expect(await runProgram({ ...host, env: {} })).toBe(EXIT_CONFIG);
      const lines = err.join("").split("\n");
      for (const part of [/server\.port: /, /targets\.other-bot\.colour: /, /NOT_SET/])
        expect(lines.filter((line) => part.test(line))).toHaveLength(1);
      expect(lines.filter((line) => line.includes("/nowhere/ca.pem"))).toEqual([
        expect.stringMatching(/targets\.secure-bot\.tls\.caFile: .*relay\.yaml:\d+:\d+\)$/),
      ]);
    }
  });

  test("--print-config prints YAML without secrets", async () => {
    const { host, out } = program(
      { GITLAB_WEBHOOK_SECRET: "very-secret", RELAY_TARGET_URL: "http://u:very-pass@t.dev" },
      ["--print-config"],
    );
    expect(await runProgram(host)).toBe(0);
    expect(out.join("")).not.toContain("very-");
    expect(parse(out.join(""))).toMatchObject({
      gitlab: { secretTokens: ["***"] },
      targets: { default: { url: "http://***@t.dev" } },
    });
  });
});

/** What an operator's request carries. */
const asAdmin = ({ config }: Pick<Relay, "config">) => ({ Authorization: `Bearer ${config().admin.token}` });

describe("the start", () => {
  test("without configuration: a secret is made, said where, never what; a first event is one command away", async () => {
    const base = join(await folder(), "new", "data");
    const run = program({ RELAY_DATA_DIR: base });
    const { relay } = await run.start();
    const file = join(base, "webhook-secret");
    const secret = (await readFile(file, "utf8")).trim();
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(run.line("secret.generated")).toMatchObject({ file });
    expect(run.line("relay.listening")).toMatchObject({
      url: relay.url,
      webhooks: `${relay.url}/webhooks/gitlab`,
    });
    expect(run.line("relay.started")).toMatchObject({
      version: "1.2.3",
      queue: "fs",
      folder: base,
      targets: [],
      secretTokens: 1,
    });
    expect(run.line("relay.try")?.["command"]).toBe(
      `curl -i -H X-Gitlab-Token:$(cat ${file}) -H 'X-Gitlab-Event: Push Hook' -d '{}' ${relay.url}/webhooks/gitlab`,
    );
    expect(run.out.join("")).not.toContain(secret);
    expect((await send(relay.url, secret)).status).toBe(202);
    expect((await send(relay.url, "guess")).status).toBe(401);
  });

  test("without an admin token one is made: kept for its owner alone, said where, never what, and asked for by everybody", async () => {
    const base = await folder();
    const run = program({ RELAY_DATA_DIR: base });
    const { relay, stop } = await run.start();
    const file = join(base, "admin-token");
    const token = (await readFile(file, "utf8")).trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(run.line("admin-token.generated")).toMatchObject({ file });
    expect(run.out.join("")).not.toContain(token);
    expect(run.out.join("")).not.toContain("code=");
    const ask = (headers: Record<string, string>) => fetch(`${relay.url}/api/v1/events`, { headers });
    const refused = await ask({});
    expect(refused.status).toBe(401);
    expect(((await refused.json()) as { error: { message: string } }).error.message).toContain("admin-token");
    expect((await ask({ Authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await fetch(relay.url, { redirect: "manual" })).status).toBe(303);
    for (const open of ["/healthz", "/readyz", "/metrics"])
      expect((await fetch(relay.url + open)).status).toBe(200);
    await stop("test");
    const again = program({ RELAY_DATA_DIR: base });
    const second = await again.start();
    expect(again.line("admin-token.found")).toMatchObject({ file });
    expect(second.relay.config().admin.token).toBe(token);
  });

  test("on a terminal a link is printed that logs in once; it is in no log file", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    await writeFile(file, `log: { dir: ${join(base, "logs")} }\n`);
    const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
    const started = await runProgram({ ...run.host, isTerminal: true });
    if (typeof started === "number") throw new Error(run.err.join(""));
    const link = /http:\/\/\S+\/login\?code=[\w-]+/.exec(run.out.join(""))![0];
    const visit = () => fetch(link, { redirect: "manual" });
    const first = await visit();
    expect([first.status, first.headers.get("location")]).toEqual([303, "/"]);
    expect((await visit()).status).toBe(401);
    await started.stop("test");
    const [name] = await readdir(join(base, "logs"));
    expect(await readFile(join(base, "logs", name!), "utf8")).not.toContain("code=");
  });

  test.each([
    [{}, true, false],
    [{ LOG_FORMAT: "json" }, true, true],
    [{}, false, true],
    [{ LOG_FORMAT: "pretty" }, false, false],
  ])("with %o, terminal: %s, standard output has JSON lines: %s", async (env, isTerminal, isJson) => {
    const run = program({ RELAY_DATA_DIR: await folder(), ...env });
    const started = await runProgram({ ...run.host, isTerminal });
    if (typeof started === "number") throw new Error(run.err.join(""));
    await started.stop("test");
    const line = run.out.find((text) => text.includes("relay.listening"))!;
    expect(line.startsWith("{")).toBe(isJson);
    expect(line.includes("\u001b[")).toBe(!isJson && isTerminal);
    expect(run.out.join("").includes("curl")).toBe(true);
  });

  test("the salt of sessions is made at the start", async () => {
    const base = await folder();
    const run = await program({ RELAY_DATA_DIR: base, RELAY_ADMIN_TOKEN: "an-admin-token" }).start();
    expect((await stat(join(base, "session-salt"))).size).toBeGreaterThan(16);
    await run.stop("test");
  });

  test("the secret is found again, and not made where another one is set", async () => {
    const base = await folder();
    const first = await program({ RELAY_DATA_DIR: base }).start();
    const secret = first.relay.config().gitlab.secretTokens[0] as string;
    await first.stop("test");
    const again = program({ RELAY_DATA_DIR: base });
    const second = await again.start();
    expect(again.line("secret.found")).toBeDefined();
    expect(second.relay.config().gitlab.secretTokens).toEqual([secret]);
    await second.stop("test");
    for (const env of [
      { GITLAB_WEBHOOK_SECRET: "own-secret" },
      { GITLAB_WEBHOOK_MASTER_SECRET: "own-master" },
    ]) {
      const data = await folder();
      const run = program({ RELAY_DATA_DIR: data, ...env });
      const { relay } = await run.start();
      expect((await send(relay.url, secret)).status).toBe(401);
      await expect(stat(join(data, "webhook-secret"))).rejects.toThrow("ENOENT");
    }
  });

  test.each([
    [
      "an empty secret file",
      async (base: string) => writeFile(join(base, "webhook-secret"), "\n"),
      /webhook-secret: .*it is empty/,
    ],
    [
      "a salt of sessions that cannot be kept",
      async (base: string) => writeFile(join(base, "session-salt"), ""),
      /session-salt: cannot keep a secret here/,
    ],
    [
      "a file in place of the folder",
      async (base: string) => rm(base, { recursive: true }).then(() => writeFile(base, "x")),
      /relay-main-/,
    ],
  ])("%s is said clearly, with exit status 2", async (_claim, prepare, message) => {
    const base = await folder();
    await prepare(base);
    const { host, err } = program({ RELAY_DATA_DIR: base });
    expect(await runProgram(host)).toBe(EXIT_CONFIG);
    expect(err.join("")).toMatch(/^gitlab-hook-relay cannot start:\n {2}- /);
    expect(err.join("")).toMatch(message);
  });

  test("a port in use and a folder in use are said clearly, and nothing is left open", async () => {
    const [mine, other] = [await folder(), await folder()];
    const { relay } = await program({ RELAY_DATA_DIR: mine }).start();

    const portTaken = program({ RELAY_DATA_DIR: other, PORT: String(relay.port) });
    expect(await runProgram(portTaken.host)).toBe(EXIT_CONFIG);
    expect(portTaken.err.join("")).toContain(`127.0.0.1:${relay.port} is in use by another program`);

    const folderTaken = program({ RELAY_DATA_DIR: mine });
    expect(await runProgram(folderTaken.host)).toBe(EXIT_CONFIG);
    expect(folderTaken.err.join("")).toContain(mine);

    await (await program({ RELAY_DATA_DIR: other }).start()).stop("test");
  });
});

describe("from GitLab to a target", () => {
  test("bytes in are bytes out, the secret stays here, and a duplicate is not delivered", async () => {
    const target = await sink();
    const run = program({
      RELAY_DATA_DIR: await folder(),
      GITLAB_WEBHOOK_SECRET: "s3cret-token",
      RELAY_TARGET_URL: target.url,
    });
    const { relay } = await run.start();
    const headers = { "idempotency-key": "delivery-1" };
    const first = await send(relay.url, "s3cret-token", headers);
    expect(first.status).toBe(202);
    const { id } = (await first.json()) as { id: string };
    const got = await target.got();
    expect(Buffer.compare(got.body, PUSH)).toBe(0);
    expect(got.headers).toMatchObject({
      "x-gitlab-event": "Push Hook",
      "idempotency-key": "delivery-1",
      "x-relay-event-id": id,
    });
    expect(got.headers).not.toHaveProperty("x-gitlab-token");
    const second = await send(relay.url, "s3cret-token", headers);
    expect([second.status, await second.json()]).toEqual([200, { status: "duplicate", id }]);
    const known = await fetch(`${relay.url}/webhooks/gitlab/known`, {
      method: "POST",
      headers: { "x-gitlab-token": "s3cret-token" },
      body: JSON.stringify({ ids: ["delivery-1", "delivery-2"] }),
    });
    expect(await known.json()).toEqual({ known: ["delivery-1"] });
  });

  test("a body of 25 MiB is stored whole, one above the limit is refused, and the relay works on", async () => {
    const { relay } = await program({
      RELAY_DATA_DIR: await folder(),
      GITLAB_WEBHOOK_SECRET: "s3cret-token",
    }).start();
    const large = Buffer.alloc(25 * 1_048_576, 0x61);
    large.write('{"object_kind":"push","x":"');
    large.write('"}', large.length - 2);
    const post = (body: Buffer) =>
      fetch(`${relay.url}/webhooks/gitlab`, {
        method: "POST",
        headers: { "x-gitlab-token": "s3cret-token" },
        body,
      });
    const stored = await post(large);
    expect(stored.status).toBe(202);
    const { id } = (await stored.json()) as { id: string };
    const kept = await fetch(`${relay.url}/api/v1/events/${id}/body`, { headers: asAdmin(relay) });
    expect(Buffer.compare(Buffer.from(await kept.arrayBuffer()), large)).toBe(0);
    expect((await post(Buffer.alloc(26_279_937, 0x20))).status).toBe(413);
    expect((await send(relay.url, "s3cret-token")).status).toBe(202);
  });

  test("health, metrics and the operator's side answer on the same port", async () => {
    const { relay } = await program({
      RELAY_DATA_DIR: await folder(),
      GITLAB_WEBHOOK_SECRET: "s3cret-token",
    }).start();
    await send(relay.url, "s3cret-token");
    const headers = asAdmin(relay);
    const get = (path: string) => fetch(relay.url + path, { redirect: "manual", headers });
    expect(await (await get("/readyz")).json()).toMatchObject({ status: "ready" });
    const names = ((await (await get("/api/v1/health")).json()) as { checks: { name: string }[] }).checks.map(
      (c) => c.name,
    );
    expect(names).toEqual(expect.arrayContaining(["accepting", "storage", "delivery", "settings"]));
    const metrics = await (await get("/metrics")).text();
    expect(metrics).toContain('gitlab_webhook_requests_total{status="accepted",event="push"} 1');
    expect(metrics).toMatch(/relay_storage_sync_seconds_count [1-9]/);
    expect(await (await get("/api/v1/events")).json()).toMatchObject({ events: [{ kind: "push" }] });
    expect((await get("/api/v1/nowhere")).status).toBe(404);
  });
});

describe("reload", () => {
  test("targets, secrets, limits and log level take effect; host, port and queue wait for a restart", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    const target = await sink();
    await writeFile(file, "gitlab: { secretTokens: [old-token] }\n");
    const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
    const { relay, reload } = await run.start();
    expect((await send(relay.url, "old-token")).status).toBe(202);
    expect((await send(relay.url, "new-token")).status).toBe(401);

    await writeFile(
      file,
      `server: { host: 0.0.0.0, maxBodyBytes: ${PUSH.byteLength} }
gitlab: { secretTokens: [new-token] }
queue: { driver: redis, retain: { deadSeconds: 60 } }
targets: { bot: { type: http, url: "${target.url}" } }
log: { level: warn }
`,
    );
    await reload();
    expect(run.line("settings.restart-needed")).toMatchObject({ paths: ["server.host", "queue.driver"] });
    expect(relay.config()).toMatchObject({
      server: { host: "127.0.0.1" },
      queue: { driver: "fs", retain: { deadSeconds: 60 } },
    });
    const linesBefore = run.out.length;
    expect((await send(relay.url, "new-token", { "webhook-id": "2" })).status).toBe(202);
    expect((await target.got()).headers["webhook-id"]).toBe("2");
    expect((await send(relay.url, "old-token")).status).toBe(401);
    expect(
      run
        .lines()
        .slice(linesBefore)
        .map((line) => line["level"]),
    ).toEqual(["warn"]);
    const tooLarge = await fetch(`${relay.url}/webhooks/gitlab`, {
      method: "POST",
      body: Buffer.alloc(PUSH.byteLength + 1),
    });
    expect(tooLarge.status).toBe(413);
  });

  test("the format of the log changes with the settings", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    await writeFile(file, "log: { format: pretty }\n");
    const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
    const { relay, reload } = await run.start();
    expect(run.out.some((line) => line.startsWith("{"))).toBe(false);
    const before = run.out.length;
    await writeFile(file, "log: { format: json }\n");
    await reload();
    const line = run.out.slice(before).find((text) => text.includes("settings.reloaded"));
    expect(JSON.parse(line!)).toMatchObject({ event: "settings.reloaded" });
    expect(relay.health().checks.find(({ name }) => name === "settings")?.detail).toBe("in force as written");
  });

  test("a bad file is refused and shown in the health, the relay works on", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    await writeFile(file, "gitlab: { secretTokens: [good-token] }\n");
    const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
    const { relay, reload } = await run.start();
    await writeFile(file, "gitlab: { secretTokens: [bad-token, 7] }\ncolour: red\n");
    await reload();
    expect(run.line("settings.refused")?.["problems"]).toHaveLength(2);
    expect((await send(relay.url, "good-token")).status).toBe(202);
    const health = (await (await fetch(`${relay.url}/readyz`)).json()) as {
      checks: { name: string; ok: boolean; detail: string }[];
    };
    expect(health.checks.find((c) => c.name === "settings")).toMatchObject({
      ok: true,
      detail: expect.stringContaining("refused (2 problems"),
    });

    await writeFile(file, "gitlab: { secretTokens: [better-token] }\n");
    await reload();
    expect(run.line("settings.reloaded")).toBeDefined();
    expect((await send(relay.url, "better-token", { "webhook-id": "x" })).status).toBe(202);
    expect(relay.health().checks.find((c) => c.name === "settings")?.detail).toBe("in force as written");
  });

  const BAD = {
    "credentials that cannot be read": {
      target: `{ type: http, url: "http://user:p%w@127.0.0.1:9/" }`,
      place: "targets.bad.url",
    },
    "a certificate that is not there": {
      target: '{ type: http, url: "https://127.0.0.1:9/", tls: { caFile: /nowhere/ca.pem } }',
      place: "targets.bad.tls.caFile",
    },
    "a certificate that is none": {
      target:
        '{ type: http, url: "https://127.0.0.1:9/", tls: { caFile: package.json, certFile: package.json, keyFile: package.json } }',
      place: "targets.bad.tls",
    },
    "a handler that is not there": {
      target: "{ type: module, handler: ./nowhere.ts }",
      place: "targets.bad.handler",
    },
    "an address of a metadata service": {
      target: `{ type: http, url: "http://169.254.169.254/" }`,
      place: "targets.bad.url",
    },
  };

  test.each(Object.entries(BAD))(
    "%s: --check exits with 2 and names the place",
    async (_, { target, place }) => {
      const file = join(await folder(), "relay.yaml");
      await writeFile(
        file,
        `targets: { bad: ${target}, also: { type: module, handler: ./missing.ts }, fine: { type: log } }\n`,
      );
      const run = program({ RELAY_CONFIG: file }, ["--check"]);
      expect(await runProgram(run.host)).toBe(EXIT_CONFIG);
      expect(run.err.join("")).toContain(`- ${place}`);
      if (place !== "targets.bad.url" || target.includes("169.254"))
        expect(run.err.join("")).toContain("- targets.also.handler");
      expect(run.err.join("")).not.toContain("targets.fine");
    },
  );

  test.each(Object.entries(BAD))(
    "%s: a reload changes nothing, and the whole of it is told",
    async (_, { target, place }) => {
      const base = await folder();
      const file = join(base, "relay.yaml");
      const bot = await sink();
      const good = `gitlab: { secretTokens: [good-token] }\ntargets: { bot: { type: http, url: "${bot.url}" } }\n`;
      await writeFile(file, good);
      const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
      const { relay, reload } = await run.start();
      await writeFile(
        file,
        `gitlab: { secretTokens: [bad-token] }\nlog: { level: error }\ntargets: { bad: ${target}, second: { type: log } }\n`,
      );
      await reload();
      expect(run.line("settings.refused")?.["problems"]).toMatchObject([
        { path: expect.stringContaining(place) },
      ]);
      expect(run.line("settings.reloaded")).toBeUndefined();
      expect(Object.keys(relay.config().targets)).toEqual(["bot"]);
      expect((await send(relay.url, "bad-token")).status).toBe(401);
      expect((await send(relay.url, "good-token")).status).toBe(202);
      await bot.got();
      expect(relay.health().checks.find((c) => c.name === "settings")?.detail).toContain(
        "refused (1 problem,",
      );
      await writeFile(file, good);
      await reload();
      expect(relay.health().checks.find((c) => c.name === "settings")?.detail).toBe("in force as written");
    },
  );

  test("the admin token stays until a restart if the file no longer has it", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    await writeFile(file, "admin: { token: a-long-admin-token }\n");
    const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file });
    const { relay, reload } = await run.start();
    await writeFile(file, "log: { level: info }\n");
    await reload();
    expect(relay.config().admin.token).toBe("a-long-admin-token");
    expect(relay.health().checks.find((c) => c.name === "settings")?.detail).toContain("admin.token");
    expect(run.line("settings.restart-needed")).toMatchObject({ paths: ["admin.token"] });
  });

  test("secrets that are taken out of the file make way for one of the relay's own", async () => {
    const base = await folder();
    const file = join(base, "relay.yaml");
    await writeFile(file, "gitlab: { secretTokens: [own-token] }\n");
    const { relay, reload } = await program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file }).start();
    await writeFile(file, "log: { format: json }\n");
    await reload();
    expect((await send(relay.url, "own-token")).status).toBe(401);
    const secret = (await readFile(join(base, "webhook-secret"), "utf8")).trim();
    expect((await send(relay.url, secret)).status).toBe(202);
  });
});

describe("the end", () => {
  test("what is in flight is answered, then the queue is closed", async () => {
    const queue = createMemoryQueue();
    const run = program({ GITLAB_WEBHOOK_SECRET: "tokentoken" }, [], storageWith(queue));
    const { relay, stop } = await run.start();
    queue.faults.hang = true;
    const inFlight = send(relay.url, "tokentoken");
    while (queue.calls.enqueue < 1) await new Promise((resolve) => setImmediate(resolve));
    const stopped = stop("SIGTERM");
    expect(relay.health().status).toBe("unavailable");
    await expect(fetch(`${relay.url}/healthz`)).rejects.toThrow("fetch failed");
    expect(queue.calls.close).toBe(0);
    queue.release();
    expect((await inFlight).status).toBe(202);
    await stopped;
    expect(queue.calls.close).toBe(1);
    const told = ["relay.stopping", "webhook.accepted", "relay.stopped"];
    const events = run.lines().map((line) => String(line["event"]));
    expect(events.filter((event) => told.includes(event))).toEqual(told);
  });

  test("storage that does not answer is said in words, with exit status 1", async () => {
    const { host, err } = program({}, [], () =>
      Promise.reject(new UpstreamError("storage", "the disk does not answer", { retryable: true })),
    );
    expect(await runProgram(host)).toBe(1);
    expect(err.join("")).toBe("gitlab-hook-relay cannot start:\n  - the disk does not answer\n");
  });

  test("a bug is neither", async () => {
    const { host } = program({}, [], () => Promise.reject(new Error("no such thing")));
    await expect(runProgram(host)).rejects.toThrow("no such thing");
  });
});

test("an alert reaches its target as it comes and as it goes, and no webhook of the same shape does", async () => {
  const base = await folder();
  const file = join(base, "relay.yaml");
  const chat = await sink();
  const good = `targets: { chat: { type: http, url: "${chat.url}", format: slack, events: [release] } }
alerts: { to: [chat], on: [settings-refused] }
`;
  await writeFile(file, good);
  const run = program({ RELAY_DATA_DIR: base, RELAY_CONFIG: file, GITLAB_WEBHOOK_SECRET: "s3cret-token" });
  const { relay, reload } = await run.start();
  const look = () => fetch(`${relay.url}/api/v1/attention`, { headers: asAdmin(relay) });
  const textOf = (body: Buffer): string => (JSON.parse(String(body)) as { text: string }).text;
  await send(relay.url, "s3cret-token", {}, "/webhooks/gitlab");

  await writeFile(file, `${good}colour: red\n`);
  await reload();
  await look();
  const raised = await chat.got();
  expect(textOf(raised.body)).toMatch(
    /webhooks, new: Changed settings are not in force: colour: is not a setting/,
  );
  expect(raised.headers).toMatchObject({ "content-type": "application/json", "x-relay-attempt": "1" });
  expect(Object.keys(raised.headers).filter((name) => name.includes("alert"))).toEqual([]);

  await writeFile(file, good);
  await reload();
  await look();
  expect(textOf((await chat.got()).body)).toMatch(/webhooks, over: Changed settings/);
});
