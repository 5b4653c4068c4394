/** Several GitLabs at one relay, as a process of its own that restarts and reloads. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { AS_ADMIN, killRelays, startRelayProcess } from "../helpers/relay-process.ts";

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
}, 30_000);

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
}, 30_000);
