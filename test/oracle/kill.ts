/** Rounds of kill -9 under load, for one storage on one runtime, and what must be true after them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { stringify } from "yaml";
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
import { overtaking, replaySome } from "./order.ts";
import { freePort } from "../helpers/free-port.ts";

/** Kills in one run: `npm run test:oracle` makes 300, the gate 8. */
export const ROUNDS = Number(process.env["KILL_ROUNDS"] ?? 8);
/** For a machine that is busy with the rest of the gate: a round takes about a second on a quiet one. */
export const LIMIT_MS = 180_000 + ROUNDS * 10_000;

export interface KillOptions {
  readonly runtime: Runtime;
  readonly rounds: number;
  /** Redis to use instead of files. */
  readonly redisUrl?: string;
}

export interface KillResult {
  readonly acknowledged: number;
  readonly refused: number;
  readonly verdicts: Readonly<Record<"up" | "flaky" | "down" | "ordered", Verdict>>;
  /** Deliveries that were replayed meanwhile. */
  readonly replayed: number;
  /** Events that came to the ordered target before an earlier one of their project. */
  readonly overtaking: readonly string[];
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

/** Refuses a quarter of the events for good when they come first, and a quarter for now: replays bring the former after all. */
function picky(refused: Set<string>): Behaviour {
  const seen = new Set<string>();
  return (_request, response, id) => {
    const kind = seen.has(id) ? 0 : id.charCodeAt(0) % 4;
    seen.add(id);
    if (kind === 1) refused.add(id);
    response.writeHead(kind === 1 ? 400 : kind === 2 ? 503 : 200).end();
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
      ordered: target(urls["ordered"]!, { ordering: "project", breaker: patient }),
      down: target(urls["down"]!, { retry: { ...retry, maxAttempts: 2 }, breaker: patient }),
    },
  });
}

/** Kills the relay at a random moment of each round; the load never stops. Then lets it deliver what is left. */
export async function runKills({ runtime, rounds, redisUrl }: KillOptions): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), "relay-oracle-"));
  const refused = new Set<string>();
  const sinks = {
    up: await startSink(good),
    flaky: await startSink(flaky()),
    ordered: await startSink(picky(refused)),
  };
  const config = join(folder, "relay.yaml");
  writeFileSync(
    config,
    settings({
      up: sinks.up.url,
      flaky: sinks.flaky.url,
      ordered: sinks.ordered.url,
      down: `http://127.0.0.1:${await freePort()}/`,
    }),
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
  let replayed = 0;
  const load = producer.run(relays, stop.signal);
  try {
    for (let round = 0; round < rounds; round++) {
      relay = startRelayProcess(env, [], RUNTIMES[runtime]);
      const url = await relay.url();
      relays.up(url);
      const replaying = replaySome(url, "ordered");
      await producer.after(1 + Math.floor(Math.random() * 100));
      relay.child.kill("SIGKILL");
      replayed += await replaying;
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
      ordered: await deadLetters(url, "ordered"),
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
        ordered: judge(debts, sinks.ordered.receipts, dead.ordered),
        down: judge(debts, [], dead.down),
      },
      replayed,
      overtaking: overtaking(producer.attempted, sinks.ordered.receipts, refused),
      invented: Object.values(sinks)
        .flatMap(({ receipts }) => receipts)
        .filter(({ id }) => !producer.attempted.has(id)).length,
    };
  } finally {
    stop.abort();
    relay?.child.kill("SIGKILL");
    await producer.close();
    await Promise.all(Object.values(sinks).map((sink) => sink.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing that was acknowledged is missing, altered, invented or out of its project's order; what a dead target was owed stands among its dead letters. */
export function expectNothingLost(result: KillResult, rounds: number): void {
  const { acknowledged, verdicts, invented } = result;
  expect(acknowledged).toBeGreaterThan(rounds);
  for (const verdict of Object.values(verdicts)) {
    expect(verdict.missing).toEqual([]);
    expect(verdict.altered).toEqual([]);
  }
  expect(verdicts.up.dead + verdicts.flaky.dead).toBe(0);
  expect(verdicts.down.dead).toBeGreaterThanOrEqual(acknowledged);
  expect(result.replayed).toBeGreaterThan(rounds / 10);
  expect(result.overtaking).toEqual([]);
  expect(invented).toBe(0);
}
