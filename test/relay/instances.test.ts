/** Several GitLabs at one relay, as a process of its own that restarts and reloads. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { countingTarget } from "../helpers/recovery.ts";
import { hasRedis, startRedis } from "../helpers/redis-server.ts";
import { AS_ADMIN, killRelays, startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";

const PUSH =
  '{"object_kind":"push","ref":"refs/heads/main","project":{"id":15,"path_with_namespace":"acme/web"}}';
const OWN = "the-token-of-the-first-gitlab";
const PARTNER = "the-token-of-the-partner";
const cleaning: (() => Promise<void>)[] = [];

afterEach(async () => {
  await killRelays();
  for (const clean of cleaning.splice(0)) await clean();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "instances-"));
  cleaning.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Status of the answer, and its id. */
async function push(url: string, token: string, id: string): Promise<[number, string]> {
  const response = await fetch(`${url}/webhooks/gitlab`, {
    method: "POST",
    headers: { "x-gitlab-token": token, "x-gitlab-event": "Push Hook", "webhook-id": id },
    body: PUSH,
  });
  const answer = (await response.json()) as { id?: string };
  return [response.status, answer.id ?? ""];
}

async function instanceNames(url: string, query = ""): Promise<string[]> {
  const response = await fetch(`${url}/api/v1/events${query}`, { headers: AS_ADMIN });
  const { events } = (await response.json()) as { events: { instanceName: string }[] };
  return events.map(({ instanceName }) => instanceName).toSorted();
}

test("a second GitLab joins a running relay, keeps its ids to itself, and is remembered across a restart", async () => {
  const base = await folder();
  const config = join(base, "relay.yaml");
  const first = { gitlab: { secretTokens: [OWN] } };
  await writeFile(config, JSON.stringify(first));
  const env = { RELAY_CONFIG: config, RELAY_DATA_DIR: join(base, "data") };
  const before = startRelayProcess(env);
  const url = await before.url();
  expect(await push(url, OWN, "one")).toEqual([202, expect.any(String)]);
  expect((await push(url, PARTNER, "one"))[0]).toBe(401);

  const shared = { ...first, instances: { partner: { secretTokens: [OWN] } } };
  await writeFile(config, JSON.stringify(shared));
  expect(JSON.stringify(await before.line("settings.refused"))).toContain("is also in gitlab.secretTokens.0");
  await writeFile(config, JSON.stringify({ ...first, instances: { partner: { secretTokens: [PARTNER] } } }));
  await eventually(async () => (await push(url, PARTNER, "one"))[0] === 202);
  before.child.kill("SIGKILL");
  await before.exited;

  const after = startRelayProcess(env);
  const again = await after.url();
  expect((await push(again, OWN, "one"))[0]).toBe(200);
  expect((await push(again, PARTNER, "one"))[0]).toBe(200);
  expect(await instanceNames(again)).toEqual(["default", "partner"]);
  expect(await instanceNames(again, "?instance=partner")).toEqual(["partner"]);
});

test("a secret that the relay made is accepted on when another GitLab joins, and not made for others alone", async () => {
  const base = await folder();
  const config = join(base, "relay.yaml");
  const instances = { partner: { secretTokens: [PARTNER] } };
  const env = { RELAY_CONFIG: config, RELAY_DATA_DIR: join(base, "data") };
  await writeFile(config, JSON.stringify({ instances }));
  const alone = startRelayProcess(env);
  expect((await push(await alone.url(), PARTNER, "one"))[0]).toBe(202);
  expect(alone.stdout()).not.toContain("secret.generated");
  alone.child.kill("SIGKILL");
  await alone.exited;

  await writeFile(join(base, "data", "webhook-secret"), `${OWN}\n`);
  const joined = startRelayProcess(env);
  const url = await joined.url();
  expect((await push(url, OWN, "two"))[0]).toBe(202);
  expect((await push(url, PARTNER, "two"))[0]).toBe(202);
  expect(await instanceNames(url)).toEqual(["default", "partner", "partner"]);
});

const SYSTEM_PUSH = readFileSync(new URL("../fixtures/system-push.json", import.meta.url), "utf8");

describe.each(hasRedis ? ["fs", "redis"] : ["fs"])(
  "a system hook beside a project's hook, on %s",
  (driver) => {
    test("both events are stored, and the target gets one of them, on two sides of a restart and at two relays as well", async () => {
      const base = await folder();
      const target = await countingTarget();
      cleaning.push(() => target.close());
      const redis = driver === "redis" ? await startRedis() : null;
      if (redis !== null) cleaning.push(() => redis.close());
      const config = join(base, "relay.yaml");
      const bot = { type: "http", url: `${target.url}/`, allowPrivateNetworks: true };
      const partner = { secretTokens: [PARTNER], pairSystemHooks: true };
      await writeFile(config, JSON.stringify({ instances: { partner }, targets: { bot } }));
      const start = (data: string): RelayProcess =>
        startRelayProcess({
          RELAY_CONFIG: config,
          RELAY_DATA_DIR: join(base, data),
          ...(redis === null ? {} : { REDIS_URL: redis.url }),
        });
      const relay = start("data");
      let url = await relay.url();
      const send = async (event: string, id: string, body: string): Promise<number> => {
        const headers = { "x-gitlab-token": PARTNER, "x-gitlab-event": event, "webhook-id": id };
        return (await fetch(`${url}/webhooks/gitlab`, { method: "POST", headers, body })).status;
      };
      const parsed = JSON.parse(SYSTEM_PUSH) as object;
      const ofHook = JSON.stringify({ ...parsed, object_kind: "push", commits: [{ id: "da15" }] });
      const answers = await Promise.all([
        send("Push Hook", "a", ofHook),
        send("System Hook", "b", SYSTEM_PUSH),
      ]);
      expect(answers).toEqual([202, 202]);
      // Of another push only the system hook's event comes.
      const alone = SYSTEM_PUSH.replace("refs/heads/main", "refs/heads/alone");
      expect(await send("System Hook", "c", alone)).toBe(202);
      await target.counted(2);
      const shared = (body: string): string => body.replace("refs/heads/main", "refs/heads/shared");
      expect(await send("Push Hook", "d", shared(ofHook))).toBe(202);
      await target.counted(3);
      if (redis === null) {
        relay.child.kill("SIGKILL");
        await relay.exited;
      }
      url = await start(redis === null ? "data" : "other").url();
      expect(await send("System Hook", "e", shared(SYSTEM_PUSH))).toBe(202);

      const response = await fetch(`${url}/api/v1/events`, { headers: AS_ADMIN });
      const { events } = (await response.json()) as { events: Stored[] };
      expect(events.filter((event) => event.twin !== null)).toHaveLength(2);
      const twin = events.find((event) => event.twin !== null);
      const first = events.find(({ id }) => id === twin?.twin?.of);
      expect(twin).toMatchObject({ state: "unmatched", pairKey: first?.pairKey, twin: { targets: ["bot"] } });
      // A delivery may come again after a kill, with the same id.
      expect([...new Set(target.arrivals.map(({ eventId }) => eventId))].toSorted()).toEqual(
        events
          .filter((event) => event.twin === null)
          .map(({ id }) => id)
          .toSorted(),
      );
    }, 60_000);
  },
);

interface Stored {
  readonly id: string;
  readonly state: string;
  readonly pairKey: string | null;
  readonly twin: { readonly of: string; readonly targets: readonly string[] } | null;
}
