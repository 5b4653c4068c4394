import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Diagnosis } from "../../cli/doctor/diagnosis.ts";
import { planDiagnoses } from "../../cli/doctor/gitlab.ts";
import { reach } from "../../cli/doctor/network.ts";
import { clockDiagnoses, relayDiagnoses } from "../../cli/doctor/running-relay.ts";
import type { CliWorld } from "../../cli/world.ts";
import { probeFolder } from "../../relay/storage/files/probe.ts";
import { createAdminFixture, type AdminFixture } from "../helpers/admin.ts";
import { makeCertificates } from "../helpers/certificates.ts";
import { fetchOf, runCli } from "../helpers/cli.ts";
import { httpServer } from "../helpers/http-server.ts";
import { runInstaller } from "../helpers/installer.ts";
import { createSimulator } from "../simulator/simulator.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "doctor-"));
  closing.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A relay that is ready, with something to look at. */
function readyRelay(): { readonly relay: AdminFixture; readonly fetch: typeof fetch } {
  const relay = createAdminFixture();
  closing.push(() => relay.close());
  const ask = fetchOf(relay);
  return {
    relay,
    fetch: async (input, init) =>
      String(input).endsWith("/readyz") ? Response.json({ checks: [] }) : await ask(input, init),
  };
}

async function diagnose(argv: readonly string[], changes: Partial<CliWorld>) {
  const run = await runCli(["doctor", "--json", ...argv], { fetch: readyRelay().fetch, ...changes });
  const { findings } = JSON.parse(run.stdout) as { readonly findings: readonly Diagnosis[] };
  const of = (subject: string): readonly Diagnosis[] => findings.filter((one) => one.subject === subject);
  return { run, findings, of };
}

const wrong = (status: "warn" | "fail", text: string): unknown =>
  expect.objectContaining({
    status,
    text: expect.stringContaining(text) as string,
    cure: expect.stringMatching(/.{10}/) as string,
  });

describe("doctor", () => {
  test("finds nothing wrong with a relay, a target, a GitLab and hooks that are as they should be", async () => {
    const sim = await createSimulator({ tier: "free" });
    closing.push(() => sim.close());
    sim.seed.tree({ projects: 3 });
    // Takes deliveries as a target does, and says to GET what a relay says.
    const target = await httpServer(({ method }, response) => {
      response.writeHead(method === "POST" ? 200 : 405).end('{"error":{"code":"method_not_allowed"}}');
    });
    closing.push(() => target.close());
    const env = {
      RELAY_DATA_DIR: folder(),
      RELAY_ADMIN_TOKEN: "an-admin-token-of-32-characters!",
      RELAY_TARGET_URL: target.url,
      HOOKS_GITLAB_TOKEN: sim.token.value,
      GITLAB_WEBHOOK_SECRET: "a-secret-token-for-tests",
    };
    const argv = ["--gitlab-url", sim.url, "--group", "acme", "--hook-url", target.url];
    const before = await diagnose(argv, { env });
    expect(before.run.status).toBe(0);
    expect(before.of("hooks")).toEqual([wrong("warn", "3 missing")]);
    await runInstaller(sim, { env: { ...env, HOOKS_URL: target.url } });
    sim.counters.reset();
    const { run, findings, of } = await diagnose(argv, { env });
    expect(findings.filter(({ status }) => status !== "ok").map(({ subject }) => subject)).toEqual([]);
    expect(of("hooks")).toEqual([expect.objectContaining({ status: "ok" })]);
    expect(of("gitlab token")[0]?.text).toContain("has the scope api");
    expect(of("storage")[0]?.text).toMatch(/can be written.*a durable write takes/);
    expect(sim.counters.writes).toBe(0);
    for (const secret of [env.HOOKS_GITLAB_TOKEN, env.GITLAB_WEBHOOK_SECRET, env.RELAY_ADMIN_TOKEN])
      expect(run.stdout).not.toContain(secret);
  });

  test("names what is wrong with its cure, and ends with 1", async () => {
    const { run, of } = await diagnose(["--url", "http://127.0.0.1:1"], {
      fetch: () =>
        Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") })),
      env: {
        RELAY_DATA_DIR: "/proc/nothing-here",
        RELAY_TARGET_URL: "http://127.0.0.1:1/x?token=query-secret",
        GITLAB_WEBHOOK_SECRETS: "x",
        GITLAB_WEBHOOK_SECRET: "tiny-one",
        HOOKS_GITLAB_URL: "http://127.0.0.1:1",
        HTTPS_PROXY: "ftp://proxy:1",
      },
    });
    expect(run.status).toBe(1);
    expect(of("environment")).toEqual([wrong("warn", "GITLAB_WEBHOOK_SECRETS is not known")]);
    expect(of("gitlab.secretTokens.0")).toEqual([wrong("warn", "can be guessed")]);
    expect(of("storage")).toEqual([wrong("fail", "cannot be written")]);
    expect(of("target default")).toEqual([wrong("fail", "127.0.0.1:1 cannot be reached")]);
    expect(of("relay")).toEqual([wrong("fail", "does not answer: connect ECONNREFUSED")]);
    expect(of("gitlab")).toEqual([wrong("fail", "cannot be reached")]);
    expect(of("proxy")).toEqual([wrong("fail", "HTTPS_PROXY")]);
    expect(run.stdout).not.toContain("query-secret");
  });

  test("a hook URL at which no relay takes webhooks is a failure", async () => {
    const other = await httpServer((_, response) => response.writeHead(404).end("<html>"));
    closing.push(() => other.close());
    const { of } = await diagnose(["--hook-url", `${other.url}/hooks`], {
      env: { RELAY_DATA_DIR: folder() },
    });
    expect(of("hook url")).toEqual([wrong("fail", "/hooks answers 404")]);
  });

  test("planDiagnoses(): a plan that GitLab did not let end is a failure with its reason, a limit is none", () => {
    const counts = { projects: 0, created: 0, updated: 0, unchanged: 0, removed: 0, skipped: 0, failed: 0 };
    const early = {
      complete: false,
      level: "project",
      stoppedBy: null,
      summary: { ...counts, remaining: null },
      requests: { total: 4, rejected: 0 },
      results: [],
    } as const;
    expect(planDiagnoses("hooks", early, "no connection to gitlab")).toEqual([
      wrong("fail", "no connection to gitlab"),
    ]);
    expect(planDiagnoses("hooks", { ...early, stoppedBy: "rate-limit" }, "")).toEqual([
      wrong("warn", "at a limit"),
    ]);
  });

  test("prints every problem of the settings", async () => {
    const readFile = (path: string): string => {
      if (path === "bad.yaml") return "servr: {}\nqueue: { fs: { minFreeBytes: -1 } }\n";
      throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    };
    const { run, of } = await diagnose(["--config", "bad.yaml"], { readFile, env: {} });
    expect(run.status).toBe(1);
    expect(of("settings").length).toBeGreaterThan(1);
    expect(of("storage")).toEqual([]);
  });

  test("says for what it lacks something, and prints text to a person", async () => {
    const run = await runCli(["doctor"], {
      env: { RELAY_DATA_DIR: folder() },
      isTerminal: true,
      fetch: readyRelay().fetch,
    });
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/^ok {4}program/);
    expect(run.stdout).toMatch(/- +gitlab +its address is not known/);
    expect(run.stdout).toMatch(/- +needs attention +the admin token is not known/);
    expect(run.stdout).toMatch(/\n0 failed, 1 to look at, \d+ fine, 3 not looked at\n$/);
  });

  test.each([
    ["a refused one", 401, {}, "fail", "GitLab refuses it"],
    [
      "one without the scope",
      200,
      { scopes: ["read_api"], active: true, expires_at: null },
      "fail",
      "hooks need api",
    ],
    [
      "a revoked one",
      200,
      { scopes: ["api"], active: false, expires_at: null },
      "fail",
      "expired or revoked",
    ],
    [
      "one that ends soon",
      200,
      { scopes: ["api"], active: true, expires_at: "2026-01-20" },
      "warn",
      "expires on 2026-01-20, in 4 days",
    ],
    [
      "one that never ends",
      200,
      { scopes: ["api"], active: true, expires_at: null },
      "ok",
      "does not expire",
    ],
    ["one of an old GitLab", 404, {}, "skip", "does not tell"],
  ])("judges a token: %s", async (_, status, body, verdict, text) => {
    const now = Date.parse("2026-01-15T12:00:00Z");
    const gitlab = await httpServer((_request, response) => {
      response.writeHead(status, { date: new Date(now).toUTCString() }).end(JSON.stringify(body));
    });
    closing.push(() => gitlab.close());
    const clock = { now: () => now, monotonic: () => 0, after: () => ({ cancel() {} }) };
    const env = { RELAY_DATA_DIR: folder(), HOOKS_GITLAB_TOKEN: "glpat-a-token-of-tests" };
    const { of } = await diagnose(["--gitlab-url", gitlab.url], { env, clock });
    expect(of("gitlab token")).toEqual([
      expect.objectContaining({ status: verdict, text: expect.stringContaining(text) as string }),
    ]);
  });
});

describe("reach()", () => {
  test("judges a certificate: unknown, known and about to end", async () => {
    const certificates = makeCertificates();
    closing.push(() => certificates.remove());
    const read = (name: Parameters<typeof certificates.file>[0]): string =>
      readFileSync(certificates.file(name), "utf8");
    const server = createServer({ cert: read("server.pem"), key: read("server.key") }, (_, response) =>
      response.end(),
    );
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    closing.push(() => server.close());
    const address = {
      subject: "x",
      url: new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    };
    expect(await reach(address, {}, Date.now())).toEqual(wrong("fail", "certificate is refused"));
    expect(await reach({ ...address, ca: read("ca.pem") }, {}, Date.now())).toEqual(
      wrong("warn", "ends in 1 days"),
    );
    const aYearAgo = Date.now() - 365 * 86_400_000;
    expect(await reach({ ...address, ca: read("ca.pem") }, {}, aYearAgo)).toMatchObject({ status: "ok" });
  });
});

describe("relayDiagnoses()", () => {
  const world = (answer: Response): CliWorld =>
    ({ fetch: async () => answer, clock: { now: () => 0 } }) as unknown as CliWorld;

  test("names each check that keeps a relay from being ready", async () => {
    const checks = [
      { name: "disk", ok: false, detail: "full" },
      { name: "queue", ok: true, detail: "" },
    ];
    const relay = { url: "http://x", token: null, isAsked: true };
    expect(await relayDiagnoses(relay, world(Response.json({ checks }, { status: 503 })))).toEqual([
      wrong("fail", "not ready: disk: full"),
    ]);
    expect(await relayDiagnoses(relay, world(Response.json({ checks: [] })))).toHaveLength(2);
    for (const other of [
      new Response("<html>"),
      Response.json({ a: 1 }),
      Response.json({ checks: [] }, { status: 503 }),
      new Response("", { status: 302 }),
    ])
      expect(await relayDiagnoses(relay, world(other))).toEqual([wrong("fail", "not as a relay does")]);
  });

  test("clocks that differ are told", () => {
    const at = (seconds: number) =>
      clockDiagnoses("clock", new Date(seconds * 1000).toUTCString(), world(Response.json({})));
    expect(at(3)).toMatchObject([{ status: "ok" }]);
    expect(at(60)).toEqual([wrong("warn", "by 60 s")]);
    expect(clockDiagnoses("clock", null, world(Response.json({})))).toEqual([]);
  });
});

describe("probeFolder()", () => {
  test("measures the sync and leaves nothing behind", async () => {
    const base = join(folder(), "not", "made", "yet");
    const { checks, syncMs } = await probeFolder({ base, minFreeBytes: 0 }, { now: () => performance.now() });
    expect(checks.every(({ ok }) => ok)).toBe(true);
    expect(syncMs).toBeGreaterThan(0);
  });

  test("says when there is too little room", async () => {
    const settings = { base: folder(), minFreeBytes: Number.MAX_SAFE_INTEGER };
    const { checks } = await probeFolder(settings, { now: () => 0 });
    expect(checks).toContainEqual(expect.objectContaining({ name: "free-space", ok: false }));
  });
});
