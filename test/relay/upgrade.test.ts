/**
 * A data folder of version 0.1.0 (commit 13c7030, killed with kill -9) under the present relay: twelve events, which `takes` has,
 * `refuses` refused with 400, and for which `away` could not be reached. Made by posting pushes of three projects in turn.
 */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../helpers/eventually.ts";
import { httpServer, type TestServer } from "../helpers/http-server.ts";
import { AS_ADMIN, killRelays, startRelayProcess } from "../helpers/relay-process.ts";

const STORED = new URL("../fixtures/data-0.1.0", import.meta.url);
const TOKEN = "a-secret-token-of-32-characters!";
const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/** What is stored is as old as the fixture. */
const FOR_EVER = 10_000_000_000;

let base = "";
let sink: TestServer | null = null;
afterEach(async () => {
  await killRelays();
  await sink?.close();
  await rm(base, { recursive: true, force: true });
});

function push(n: number): RequestInit {
  return {
    method: "POST",
    headers: { "x-gitlab-token": TOKEN, "x-gitlab-event": "Push Hook", "idempotency-key": `upgrade-${n}` },
    body: '{"object_kind":"push","project":{"id":1}}',
  };
}

test("a relay on a data folder of 0.1.0 delivers what waits, keeps and replays its dead letters, and knows each event again", async () => {
  base = await mkdtemp(join(tmpdir(), "upgrade-"));
  await cp(STORED, join(base, "data"), { recursive: true });
  /** Numbers of the pushes that each target got, as the fixture counts them. */
  const received = { takes: [] as number[], refuses: [] as number[], away: [] as number[] };
  sink = await httpServer(({ path, body }, response) => {
    const { after } = JSON.parse(body.toString("utf8")) as { after: string };
    received[path.slice(1) as keyof typeof received].push(Number(/\d+$/.exec(after)?.[0]));
    response.end();
  });
  const at = sink.url;
  const retry = { maxAgeSeconds: FOR_EVER };
  await writeFile(
    join(base, "relay.yaml"),
    JSON.stringify({
      queue: {
        dedupeSeconds: FOR_EVER,
        retain: { deliveredSeconds: FOR_EVER, deadSeconds: FOR_EVER },
      },
      targets: {
        takes: { type: "http", url: `${at}/takes`, retry },
        refuses: { type: "http", url: `${at}/refuses`, retry },
        away: { type: "http", url: `${at}/away`, ordering: "project", retry },
      },
    }),
  );
  const relay = startRelayProcess({
    RELAY_CONFIG: join(base, "relay.yaml"),
    RELAY_DATA_DIR: join(base, "data"),
    GITLAB_WEBHOOK_SECRET: TOKEN,
  });
  const url = await relay.url();
  const api = async <T>(path: string, init: RequestInit = {}): Promise<T> =>
    (await (await fetch(`${url}/api/v1/${path}`, { headers: AS_ADMIN, ...init })).json()) as T;

  await eventually(() => received.away.length >= NUMBERS.length);
  for (const project of [0, 1, 2])
    expect(received.away.filter((n) => n % 3 === project)).toEqual(NUMBERS.filter((n) => n % 3 === project));
  expect(received.takes).toEqual([]);
  expect(received.refuses).toEqual([]);

  const { events } = await api<{ events: { id: string }[] }>("events?limit=50");
  expect(events).toHaveLength(NUMBERS.length);
  const dead = await api<{ events: { id: string }[] }>("events?state=dead&target=refuses&limit=50");
  expect(dead.events).toHaveLength(NUMBERS.length);
  for (const n of NUMBERS) {
    const response = await fetch(`${url}/webhooks/gitlab`, push(n));
    const { id } = (await response.json()) as { id: string };
    expect([response.status, id]).toEqual([200, events[NUMBERS.length - n]?.id]);
  }

  await api("dead/replay", {
    method: "POST",
    headers: { ...AS_ADMIN, "content-type": "application/json" },
    body: '{"target":"refuses"}',
  });
  await eventually(() => received.refuses.length >= NUMBERS.length);
  expect(received.refuses.toSorted((a, b) => a - b)).toEqual(NUMBERS);
  expect(received.takes).toEqual([]);
});
