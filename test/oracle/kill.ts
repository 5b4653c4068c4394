/** Rounds of kill -9 under load, for one storage on one runtime, and what must be true after them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { stringify } from "yaml";
import { freePort } from "../helpers/redis-server.ts";
import { startRelayProcess, type RelayProcess } from "../helpers/relay-process.ts";
import { RUNTIMES, type Runtime } from "../helpers/runtimes.ts";
import {
  createProducer,
  Relays,
  deadLetters,
  drained,
  judge,
  startSink,
  TOKEN,
  type Behaviour,
  type Verdict,
} from "./oracle.ts";

export interface KillOptions {
  readonly runtime: Runtime;
  readonly rounds: number;
  /** Redis to use instead of files. */
  readonly redisUrl?: string;
}

export interface KillResult {
  readonly acknowledged: number;
  readonly refused: number;
  readonly verdicts: Readonly<Record<"up" | "flaky" | "down", Verdict>>;
  /** Events at a target that nobody sent. */
  readonly invented: number;
}

const good: Behaviour = (_request, response) => response.writeHead(200).end();

/** Refuses the first tries of most events in three ways, then takes them: an event is refused at most twice. */
function flaky(): Behaviour {
  const tries = new Map<string, number>();
  return (request, response, id) => {
    const tried = tries.get(id) ?? 0;
    tries.set(id, tried + 1);
    const kind = id.charCodeAt(0) % 4;
    if (tried >= 2 || kind === 0) response.writeHead(204).end();
    else if (kind === 1) response.writeHead(503, { "retry-after": "0" }).end("try again");
    else if (kind === 2) request.socket.destroy();
    else response.writeHead(429).end();
  };
}

function settings(urls: Readonly<Record<string, string>>): string {
  const retry = { maxAttempts: 50, baseSeconds: 0.02, capSeconds: 0.2 };
  const target = (url: string, more = {}): object => ({
    type: "http",
    url,
    timeoutSeconds: 5,
    retry,
    ...more,
  });
  const patient = { failures: 1_000_000, cooldownSeconds: 1 };
  return stringify({
    // Of Redis alone: what a dead relay held comes back soon.
    queue: { redis: { leaseSeconds: 2 } },
    targets: {
      up: target(urls["up"]!),
      flaky: target(urls["flaky"]!, { breaker: patient }),
      down: target(urls["down"]!, { retry: { ...retry, maxAttempts: 2 }, breaker: patient }),
    },
  });
}

/** Kills the relay at a random moment of each round; the load never stops. Then lets it deliver what is left. */
export async function runKills({ runtime, rounds, redisUrl }: KillOptions): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), "relay-oracle-"));
  const sinks = { up: await startSink(good), flaky: await startSink(flaky()) };
  const config = join(folder, "relay.yaml");
  writeFileSync(
    config,
    settings({ up: sinks.up.url, flaky: sinks.flaky.url, down: `http://127.0.0.1:${await freePort()}/` }),
  );
  const env = {
    RELAY_CONFIG: config,
    RELAY_DATA_DIR: join(folder, "data"),
    GITLAB_WEBHOOK_SECRET: TOKEN,
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  };
  const producer = createProducer({ connections: 8, projects: 40, sequential: false, random: Math.random });
  const stop = new AbortController();
  const relays = new Relays();
  let relay: RelayProcess | null = null;
  const load = producer.run(relays, stop.signal);
  try {
    for (let round = 0; round < rounds; round++) {
      relay = startRelayProcess(env, [], RUNTIMES[runtime]);
      const url = await relay.url();
      relays.up(url);
      await producer.after(1 + Math.floor(Math.random() * 100));
      relay.child.kill("SIGKILL");
      await relay.exited;
      relays.down(url);
    }
    stop.abort();
    await load;
    relay = startRelayProcess(env, [], RUNTIMES[runtime]);
    const url = await relay.url();
    await drained(url, 60_000);
    const dead = {
      up: await deadLetters(url, "up"),
      flaky: await deadLetters(url, "flaky"),
      down: await deadLetters(url, "down"),
    };
    relay.child.kill("SIGTERM");
    await relay.exited;
    const { debts } = producer;
    return {
      acknowledged: debts.size,
      refused: producer.refused,
      verdicts: {
        up: judge(debts, sinks.up.receipts, dead.up),
        flaky: judge(debts, sinks.flaky.receipts, dead.flaky),
        down: judge(debts, [], dead.down),
      },
      invented: [...sinks.up.receipts, ...sinks.flaky.receipts].filter(
        ({ id }) => !producer.attempted.has(id),
      ).length,
    };
  } finally {
    stop.abort();
    relay?.child.kill("SIGKILL");
    await producer.close();
    await Promise.all([sinks.up.close(), sinks.flaky.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing that was acknowledged is missing, altered or invented; what a dead target was owed stands among its dead letters. */
export function expectNothingLost(result: KillResult, rounds: number): void {
  const { acknowledged, verdicts, invented } = result;
  expect(acknowledged).toBeGreaterThan(rounds);
  for (const verdict of Object.values(verdicts)) {
    expect(verdict.missing).toEqual([]);
    expect(verdict.altered).toEqual([]);
  }
  expect(verdicts.up.dead + verdicts.flaky.dead).toBe(0);
  expect(verdicts.down.dead).toBeGreaterThanOrEqual(acknowledged);
  expect(invented).toBe(0);
}
