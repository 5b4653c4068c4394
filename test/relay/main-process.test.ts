import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { deriveSecretToken } from "../../lib/secrets.ts";
import { PUSH } from "../helpers/intake.ts";
import { killRelays, startRelayProcess, TSX } from "../helpers/relay-process.ts";

// A busy machine takes seconds to start a process.
vi.setConfig({ testTimeout: 60_000 });

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await killRelays();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "relay-process-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

function send(url: string, token: string, path = "/webhooks/gitlab", headers: Record<string, string> = {}) {
  return fetch(url + path, { method: "POST", headers: { "x-gitlab-token": token, ...headers }, body: PUSH });
}

/** A target that answers when it is told to. */
async function slowTarget() {
  let arrived = (): void => {};
  let answer = (): void => {};
  const server = createServer((request, response) => {
    request.resume();
    answer = () => void response.end("ok");
    arrived();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attempt: new Promise<void>((resolve) => (arrived = resolve)),
    answer: () => answer(),
  };
}

test("a pipe in place of a file of settings ends the start at once, with 2 and its name", async () => {
  const base = await folder();
  const pipe = join(base, "pipe");
  spawnSync("mkfifo", [pipe]);
  for (const [env, words] of [
    [{ RELAY_CONFIG: pipe }, "cannot read the settings: it is a pipe"],
    [{ GITLAB_WEBHOOK_SECRET_FILE: pipe }, `cannot read GITLAB_WEBHOOK_SECRET_FILE "${pipe}": it is a pipe`],
  ] as const) {
    const relay = startRelayProcess({ RELAY_DATA_DIR: base, ...env });
    expect(await relay.exited).toBe(2);
    expect(relay.stderr()).toContain(words);
  }
});

test("--check ends with what it found, though nothing but the end of a handler's process is waited for", async () => {
  const base = await folder();
  await writeFile(join(base, "handler.mjs"), "export function handle() {}");
  for (const [handler, status] of [
    ["handler.mjs", 0],
    ["missing.mjs", 2],
  ] as const) {
    const targets = { own: { type: "module", handler: join(base, handler) } };
    await writeFile(join(base, "relay.yaml"), JSON.stringify({ targets }));
    const env = { RELAY_CONFIG: join(base, "relay.yaml"), RELAY_DATA_DIR: base };
    expect(await startRelayProcess(env, ["--check"]).exited).toBe(status);
  }
});

test("a file that does not answer does not keep a process that has stopped", async () => {
  const base = await folder();
  // Nobody reads from the pipe: the thread that opens it waits for ever.
  for (const day of [0, 1]) {
    const date = new Date(Date.now() + day * 86_400_000).toISOString().slice(0, 10);
    spawnSync("mkfifo", [join(base, `relay-${date}.jsonl`)]);
  }
  await writeFile(join(base, "relay.yaml"), JSON.stringify({ log: { dir: base } }));
  const relay = startRelayProcess({ RELAY_CONFIG: join(base, "relay.yaml"), RELAY_DATA_DIR: base });
  await relay.url();
  relay.child.kill("SIGTERM");
  await relay.exited;
  expect(relay.stdout()).toContain('"event":"relay.stopped"');
  expect(relay.child.signalCode).toBe("SIGKILL");
});

test("SIGTERM lets an attempt under way end, and exits with 0", async () => {
  const target = await slowTarget();
  const base = await folder();
  const env = { RELAY_DATA_DIR: base, GITLAB_WEBHOOK_SECRET: "tokentoken", RELAY_TARGET_URL: target.url };
  const relay = startRelayProcess(env);
  const url = await relay.url();
  expect((await send(url, "tokentoken")).status).toBe(202);
  await target.attempt;
  relay.child.kill("SIGTERM");
  await relay.line("relay.stopping");
  target.answer();
  expect(await relay.exited).toBe(0);
  expect(relay.stdout()).toContain('"event":"relay.stopped"');
  expect(relay.stderr()).toBe("");

  const again = startRelayProcess({ ...env, RELAY_TARGET_URL: "http://127.0.0.1:9" });
  await again.url();
  expect(await again.line("queue.opened")).toMatchObject({ events: 1, done: 1, waiting: 0 });
  again.child.kill("SIGINT");
  expect(await again.exited).toBe(0);
});

test("a second signal exits at once, and nothing is lost by it", async () => {
  const target = await slowTarget();
  const env = {
    RELAY_DATA_DIR: await folder(),
    GITLAB_WEBHOOK_SECRET: "tokentoken",
    RELAY_TARGET_URL: target.url,
  };
  const relay = startRelayProcess(env);
  expect((await send(await relay.url(), "tokentoken")).status).toBe(202);
  await target.attempt;
  relay.child.kill("SIGTERM");
  await relay.line("relay.stopping");
  relay.child.kill("SIGINT");
  expect(await relay.exited).toBe(130);
  const again = startRelayProcess({ ...env, RELAY_TARGET_URL: "http://127.0.0.1:9" });
  // What was not settled is sent again; what was not yet written down as routed is routed again.
  const { events, waiting, unrouted } = await again.line("queue.opened");
  expect([events, (waiting as number) + (unrouted as number)]).toEqual([1, 1]);
});

test("an exception that nobody caught is logged without secrets and fatal", async () => {
  const thrower = `data:text/javascript,process.on("SIGUSR2",()=>{throw new Error("token "+process.env.GITLAB_WEBHOOK_SECRET)})`;
  const env = { RELAY_DATA_DIR: await folder(), GITLAB_WEBHOOK_SECRET: "uncaught-secret" };
  const relay = startRelayProcess(env, [], [...TSX, "--import", thrower]);
  await relay.line("relay.try");
  relay.child.kill("SIGUSR2");
  expect(await relay.exited).toBe(1);
  expect(await relay.line("relay.failed")).toMatchObject({ level: "error", error: "token ***" });
  expect(relay.output()).not.toContain("uncaught-secret");
});

test("a folder that cannot be used and wrong settings exit with 2, in words", async () => {
  const unusable = startRelayProcess({ RELAY_DATA_DIR: "/dev/null/data" });
  const wrong = startRelayProcess({
    PORT: "many",
    LOG_LEVEL: "loud",
    GITLAB_WEBHOOK_SIGNING_TOKEN: "whsec_wrong-secret",
  });
  expect(await unusable.exited).toBe(2);
  expect(unusable.stderr()).toMatch(/^gitlab-hook-relay cannot start:\n {2}- .*\/dev\/null\/data/);
  expect(await wrong.exited).toBe(2);
  expect(wrong.stderr()).toMatch(/PORT \(server\.port\)[^]*GITLAB_WEBHOOK_SIGNING_TOKEN[^]*LOG_LEVEL/);
  expect(wrong.output()).not.toContain("wrong-secret");
});

test("no secret is ever printed: not in the log, not in metrics, health or errors, not in the settings shown", async () => {
  const base = await folder();
  const signing = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
  const secrets = {
    token: "shared-Secret/1+a=",
    second: 'quoted"Secret\\2',
    signing: signing(1),
    master: "Master Secret 3",
    admin: "admin-Secret-4",
    urlUser: "url-user-Secret-5:url-pass-Secret-6",
    header: "header-Secret-7",
    out: signing(2),
    target: "target-Secret-8",
  };
  const host = "gitlab.acme.dev";
  const hookKey = "p278964";
  const derived = deriveSecretToken(secrets.master, host, hookKey);
  await writeFile(join(base, "tokens"), `${secrets.token},${secrets.second}\n`);
  await writeFile(
    join(base, "relay.yaml"),
    `log: { level: debug }
admin: { token: "${secrets.admin}" }
targets:
  dead:
    type: http
    url: "http://${secrets.urlUser}@127.0.0.1:9/hook"
    headers: { Authorization: "Bearer \${HEADER}" }
    signingTokens: ["${secrets.out}"]
`,
  );
  const env = {
    RELAY_CONFIG: join(base, "relay.yaml"),
    RELAY_ADMIN_TOKEN: "",
    RELAY_DATA_DIR: join(base, "data"),
    GITLAB_WEBHOOK_SECRET_FILE: join(base, "tokens"),
    GITLAB_WEBHOOK_SIGNING_TOKEN: secrets.signing,
    GITLAB_WEBHOOK_MASTER_SECRET: secrets.master,
    RELAY_TARGET_URL: `http://user:${secrets.target}@127.0.0.1:9/`,
    HEADER: secrets.header,
  };
  const relay = startRelayProcess(env);
  const url = await relay.url();
  const shown: string[] = [];
  const seen = async (response: Response): Promise<number> => {
    shown.push(await response.text(), JSON.stringify([...response.headers]));
    return response.status;
  };
  expect(await seen(await send(url, secrets.token))).toBe(202);
  expect(await seen(await send(url, secrets.second, "/webhooks/gitlab", { "webhook-id": "b" }))).toBe(202);
  expect(
    await seen(
      await send(url, derived, `/webhooks/gitlab/${hookKey}`, {
        "webhook-id": "c",
        "x-gitlab-instance": `https://${host}`,
      }),
    ),
  ).toBe(202);
  expect(await seen(await send(url, "guess"))).toBe(401);
  for (const path of ["/metrics", "/readyz", "/webhooks/gitlab"]) await seen(await fetch(url + path));
  const admin = { headers: { authorization: `Bearer ${secrets.admin}` } };
  for (const path of ["/api/v1/events", "/api/v1/targets", "/api/v1/nowhere"])
    await seen(await fetch(url + path, admin));
  await writeFile(
    join(base, "relay.yaml"),
    `admin: { token: "${secrets.admin}", other: "${secrets.header}" }\n`,
  );
  await relay.line("settings.refused");
  relay.child.kill("SIGTERM");
  expect(await relay.exited).toBe(0);

  const printing = startRelayProcess({ ...env, RELAY_CONFIG: "" }, ["--print-config"]);
  expect(await printing.exited).toBe(0);
  const everything = [relay.output(), printing.output(), ...shown].join("\n");
  const parts = [
    ...Object.values(secrets),
    derived,
    "url-pass-Secret-6",
    JSON.stringify(secrets.second).slice(1, -1),
  ];
  for (const secret of parts) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(encodeURIComponent(secret));
  }
  expect(await readFile(join(base, "tokens"), "utf8")).toContain(secrets.token);
});
