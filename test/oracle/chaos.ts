/**
 * Three relays on one Redis, and no peace: a random relay is killed every second, then Redis itself, while the load goes on. The
 * verdict is the test's to judge.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { startRedis } from "../helpers/redis-server.ts";
import { startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { RUNTIMES, type Runtime } from "../helpers/runtimes.ts";
import {
  createProducer,
  deadLetters,
  drained,
  judge,
  Relays,
  startSink,
  TOKEN,
  type Behaviour,
  type Receipt,
  type Verdict,
} from "./oracle.ts";

const RELAYS = 3;
const LEASE_SECONDS = 2;

export interface ChaosOptions {
  readonly runtime: Runtime;
  /** How long relays are killed, one each second. */
  readonly seconds: number;
  /** How often Redis is killed after that. */
  readonly redisKills: number;
}

export interface ChaosResult {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly relayKills: number;
  readonly verdicts: Readonly<Record<"ordered" | "free", Verdict>>;
  /** Projects whose events came to the ordered target in another order than they were acknowledged in. */
  readonly disordered: readonly string[];
  /** Events at a target that nobody sent. */
  readonly invented: number;
}

/** Takes everything, most of it at once, some after a while, and refuses a little. */
function moody(random: () => number): Behaviour {
  return (_request, response) => {
    const mood = random();
    if (mood < 0.02) response.writeHead(503, { "retry-after": "0" }).end();
    else if (mood < 0.2) setTimeout(() => response.writeHead(204).end(), mood * 200);
    else response.writeHead(204).end();
  };
}

/** Ids in the order in which they first came, by project. */
function firstReceipts(
  receipts: readonly Receipt[],
  wanted: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const seen = new Set<string>();
  const byProject = new Map<string, string[]>();
  for (const { id, project } of receipts) {
    if (seen.has(id) || !wanted.has(id)) continue;
    seen.add(id);
    const ids = byProject.get(project);
    if (ids === undefined) byProject.set(project, [id]);
    else ids.push(id);
  }
  return byProject;
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export async function runChaos({ runtime, seconds, redisKills }: ChaosOptions): Promise<ChaosResult> {
  const folder = mkdtempSync(join(tmpdir(), "relay-chaos-"));
  const redis = await startRedis();
  const sinks = { ordered: await startSink(moody(Math.random)), free: await startSink(moody(Math.random)) };
  const target = {
    type: "http",
    timeoutSeconds: 5,
    retry: { maxAttempts: 1000, baseSeconds: 0.02, capSeconds: 0.2 },
    breaker: { failures: 1_000_000, cooldownSeconds: 1 },
  };
  const config = join(folder, "relay.yaml");
  writeFileSync(
    config,
    stringify({
      queue: { redis: { leaseSeconds: LEASE_SECONDS } },
      targets: {
        ordered: { ...target, url: sinks.ordered.url, ordering: "project" },
        free: { ...target, url: sinks.free.url },
      },
    }),
  );
  const env = {
    RELAY_CONFIG: config,
    RELAY_DATA_DIR: join(folder, "data"),
    REDIS_URL: redis.url,
    GITLAB_WEBHOOK_SECRET: TOKEN,
  };
  const producer = createProducer({ connections: 8, projects: 40, sequential: true, random: Math.random });
  const stop = new AbortController();
  const relays = new Relays();
  const running = new Map<RelayProcess, string>();
  const starting = new Set<Promise<void>>();

  async function start(): Promise<void> {
    const relay = startRelayProcess(env, [], RUNTIMES[runtime]);
    running.set(relay, "");
    const url = await relay.url();
    running.set(relay, url);
    relays.up(url);
  }
  function startLater(): void {
    const started = start().finally(() => starting.delete(started));
    starting.add(started);
  }
  async function killOne(): Promise<void> {
    const up = [...running].filter(([, url]) => url !== "");
    const victim = up[Math.floor(Math.random() * up.length)];
    if (victim === undefined) return;
    const [relay, url] = victim;
    running.delete(relay);
    relay.child.kill("SIGKILL");
    await relay.exited;
    relays.down(url);
    relayKills += 1;
    startLater();
  }

  let relayKills = 0;
  await Promise.all(Array.from({ length: RELAYS }, start));
  const load = producer.run(relays, stop.signal);
  try {
    const until = performance.now() + seconds * 1000;
    while (performance.now() < until) {
      await pause(1000);
      await killOne();
    }
    await Promise.all(starting);
    for (let index = 0; index < redisKills; index++) {
      await producer.after(20);
      await redis.kill();
      await pause(200);
      await redis.restart();
    }
    await producer.after(20);
    stop.abort();
    await load;
    const url = [...running.values()][0] ?? "";
    await drained(url, 60_000);
    const dead = { ordered: await deadLetters(url, "ordered"), free: await deadLetters(url, "free") };
    const { debts, order, attempted } = producer;
    const first = firstReceipts(sinks.ordered.receipts, debts);
    return {
      acknowledged: debts.size,
      refused: producer.refused,
      unanswered: producer.unanswered,
      relayKills,
      verdicts: {
        ordered: judge(debts, sinks.ordered.receipts, dead.ordered),
        free: judge(debts, sinks.free.receipts, dead.free),
      },
      disordered: [...order].flatMap(([project, ids]) =>
        ids.join() === first.get(project)?.join() ? [] : [project],
      ),
      invented: [...sinks.ordered.receipts, ...sinks.free.receipts].filter(({ id }) => !attempted.has(id))
        .length,
    };
  } finally {
    stop.abort();
    await Promise.allSettled(starting);
    await Promise.all(
      [...running.keys()].map((relay) => {
        relay.child.kill("SIGKILL");
        return relay.exited;
      }),
    );
    await producer.close();
    await Promise.all([sinks.ordered.close(), sinks.free.close()]);
    await redis.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
