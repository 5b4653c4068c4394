/**
 * Time to the first byte of the operator's pages with COUNT events waiting for a target that is down, the oldest few of them dead letters,
 * against a relay with as many as one page shows, so that both draw the same rows. Each relay is its own process; the two take turns. Ends with 1 if a page takes more
 * than three times as long, or more than 150 ms.
 *
 *   npx tsx bench/first-byte.ts [COUNT] [ROUNDS]          default 1000000 15
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import { configSchema } from "../relay/config/schema.ts";
import { ADMIN_TOKEN, startRelayProcess } from "../test/helpers/relay-process.ts";
import { newEvent } from "../test/helpers/queue-contract.ts";
import { openQueue } from "../test/helpers/storage.ts";
import { median, report, rows, type Measured } from "./lib.ts";
import { freePort } from "../test/helpers/free-port.ts";

const MOST_MS = 150;
const MOST_TIMES = 3;
const IN_FLIGHT = 1024;
/** Events of one project out of 500 that a page shows. */
const SHOWN = 25_000;
/** Dead letters, the oldest events of all: a walk from the newest would meet them last. */
const DEAD = 20;
const PAGES = [
  "/",
  "/events",
  "/events?state=waiting&target=down",
  "/events?kind=push&project=acme/p7",
  "/dead",
  "/events?state=dead",
  "/targets",
  "/targets/down",
];

const [countText = "1000000", roundsText = "15"] = process.argv.slice(2);
const count = Number(countText);
const folder = mkdtempSync(join(tmpdir(), "relay-first-byte-"));
const down = await freePort();

try {
  const full = join(folder, "full");
  const little = join(folder, "little");
  await fill(little, SHOWN);
  await fill(full, count);
  const relays = { little: await start(little), full: await start(full) };
  const measured: Measured[] = [];
  let slow = 0;
  for (const path of PAGES) {
    const times = { little: [] as number[], full: [] as number[] };
    for (let round = 0; round <= Number(roundsText); round += 1)
      for (const [name, relay] of Object.entries(relays) as (readonly ["little" | "full", Started])[]) {
        const ms = await firstByteMs(relay.url + path);
        // The first round warms up.
        if (round > 0) times[name].push(ms);
      }
    for (const name of ["little", "full"] as const)
      measured.push({ name: nameOf(path, name), unit: "ms", values: times[name] });
    if (median(times.full) > Math.min(MOST_MS, MOST_TIMES * median(times.little))) slow += 1;
  }
  const table = rows(measured, (name) => {
    const [path = ""] = name.split(", ");
    return name === nameOf(path, "full") ? nameOf(path, "little") : null;
  });
  report("first-byte", table, { events: count, rounds: Number(roundsText), pagesTooSlow: slow });
  for (const relay of Object.values(relays)) await relay.stop();
  process.exitCode = slow === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function nameOf(path: string, name: "little" | "full"): string {
  return `${path}, ${name === "little" ? "a page of events" : "all waiting"}`;
}

interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

async function start(base: string): Promise<Started> {
  const file = `${base}.yaml`;
  writeFileSync(
    file,
    `targets: { down: { type: http, url: "http://127.0.0.1:${down}", breaker: { failures: 1, cooldownSeconds: 3600 } } }\n`,
  );
  const relay = startRelayProcess({ RELAY_DATA_DIR: base, LOG_LEVEL: "info" }, ["--config", file]);
  return {
    url: await relay.url(),
    async stop() {
      relay.child.kill("SIGTERM");
      await relay.exited;
    },
  };
}

async function fill(base: string, events: number): Promise<void> {
  const { queue: settings } = configSchema.parse({ queue: { fs: { base, minFreeBytes: 0 } } });
  const queue = await openQueue({
    clock: systemClock,
    log: silentLog,
    random: Math.random,
    onSync: () => {},
    settings: () => settings,
  });
  queue.setRouting(() => [{ target: "down", lane: null }], ["down"]);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < events) {
      const number = next++;
      const projectId = number % 500;
      await queue.enqueue(
        newEvent(`k${number}`, { kind: "push", projectId, projectPath: `acme/p${projectId}` }),
      );
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  for (const claim of await queue.claim("down", { first: DEAD, retry: 0 })) {
    const at = Date.now();
    const attempt = { at, durationMs: 1, status: 410, error: "answered 410", excerpt: null };
    await claim.settle({ outcome: "dead", at, attempt, reason: "answered 410" });
  }
  await queue.close();
}

/** From the request until the answer's head is there. */
function firstByteMs(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const sent = request(url, { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } }, (response) => {
      const ms = performance.now() - began;
      response.resume();
      response.on("end", () =>
        response.statusCode === 200
          ? resolve(ms)
          : reject(new Error(`${url} answered ${response.statusCode}`)),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}
