/**
 * Load generator for the ingest benchmarks, as its own process so that it has a core to itself.
 * It writes ready-made HTTP/1.1 requests to plain sockets: what is measured is the server, not an HTTP client.
 *
 * Input: one JSON object as argument. Output: one JSON line with the result.
 */
import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { quantile } from "./lib.ts";

interface Job {
  readonly port: number;
  readonly token: string;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly seconds: number;
  /** Requests per second with Poisson arrivals; null: each connection sends its next request when the answer is there. */
  readonly rate: number | null;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly answered: number;
  readonly wrong: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

const ID_LENGTH = 36;

/** A push event of about the wanted size, as GitLab would send it: 20 commits with long messages. */
export function pushBody(bytes: number): Buffer {
  const commits = Array.from({ length: 20 }, (_, i) => ({
    id: i.toString(16).padStart(40, "a"),
    message: "",
    timestamp: "2026-01-01T00:00:00+00:00",
    author: { name: "Alice", email: "[REDACTED]" },
    added: [],
    modified: [`src/file${i}.ts`],
    removed: [],
  }));
  const payload = {
    object_kind: "push",
    event_name: "push",
    ref: "refs/heads/main",
    user_username: "alice",
    project_id: 7,
    project: { id: 7, path_with_namespace: "acme/shop" },
    total_commits_count: 20,
    commits,
  };
  const missing = bytes - Buffer.byteLength(JSON.stringify(payload));
  const each = Math.max(0, Math.floor(missing / commits.length));
  for (const commit of commits) commit.message = "x".repeat(each);
  return Buffer.from(JSON.stringify(payload));
}

function requestTemplate(job: Job): { bytes: Buffer; idAt: number } {
  const body = pushBody(job.bodyBytes);
  const head =
    `POST /webhooks/gitlab HTTP/1.1\r\nHost: 127.0.0.1:${job.port}\r\nContent-Type: application/json\r\nUser-Agent: GitLab/19.0.0\r\n` +
    `X-Gitlab-Event: Push Hook\r\nX-Gitlab-Instance: https://gitlab.example\r\nX-Gitlab-Token: ${job.token}\r\n` +
    `Content-Length: ${body.length}\r\nIdempotency-Key: `;
  const bytes = Buffer.concat([Buffer.from(`${head}${"0".repeat(ID_LENGTH)}\r\n\r\n`), body]);
  return { bytes, idAt: Buffer.byteLength(head) };
}

interface Connection {
  send(onAnswer: (status: number) => void): void;
  close(): void;
}

function openConnection(job: Job, template: { bytes: Buffer; idAt: number }): Promise<Connection> {
  const bytes = Buffer.from(template.bytes);
  const socket: Socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
  let received = "";
  let answer: ((status: number) => void) | null = null;
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const length = /content-length: (\d+)/i.exec(received);
    const end = headEnd + 4 + Number(length?.[1] ?? 0);
    if (received.length < end) return;
    const status = Number(received.slice(9, 12));
    received = received.slice(end);
    const done = answer;
    answer = null;
    done?.(status);
  });
  socket.on("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  return new Promise((resolve) => {
    socket.once("connect", () =>
      resolve({
        send(onAnswer) {
          bytes.write(randomUUID(), template.idAt, "latin1");
          answer = onAnswer;
          socket.write(Buffer.from(bytes));
        },
        close: () => socket.destroy(),
      }),
    );
  });
}

async function run(job: Job): Promise<LoadResult> {
  const template = requestTemplate(job);
  const connections = await Promise.all(
    Array.from({ length: job.connections }, () => openConnection(job, template)),
  );
  const latencies: number[] = [];
  let wrong = 0;
  const started = performance.now();
  const until = started + job.seconds * 1000;
  const record = (since: number, status: number): void => {
    latencies.push(performance.now() - since);
    if (status !== 202 && status !== 200) wrong += 1;
  };
  await new Promise<void>((resolve) => {
    let open = connections.length;
    const finish = (): void => {
      open -= 1;
      if (open === 0) resolve();
    };
    if (job.rate === null) {
      for (const connection of connections) {
        const next = (): void => {
          const since = performance.now();
          if (since >= until) return finish();
          connection.send((status) => {
            record(since, status);
            next();
          });
        };
        next();
      }
      return;
    }
    // Open loop: requests fall due at random times whether or not the server keeps up; the wait for a connection counts.
    const rate = job.rate;
    const idle = [...connections];
    const due: number[] = [];
    let nextDue = started;
    const pump = (): void => {
      while (due.length > 0 && idle.length > 0) {
        const since = due.shift() as number;
        const connection = idle.pop() as Connection;
        connection.send((status) => {
          record(since, status);
          idle.push(connection);
          pump();
        });
      }
    };
    const tick = (): void => {
      const now = performance.now();
      while (nextDue <= now && nextDue < until) {
        due.push(nextDue);
        nextDue += (-Math.log(1 - Math.random()) / rate) * 1000;
      }
      pump();
      if (now < until) setImmediate(tick);
      else if (due.length === 0 && idle.length === connections.length) resolve();
      else setTimeout(tick, 1);
    };
    tick();
  });
  const seconds = (performance.now() - started) / 1000;
  for (const connection of connections) connection.close();
  return {
    perSecond: latencies.length / seconds,
    answered: latencies.length,
    wrong,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    p999: quantile(latencies, 0.999),
  };
}

if (process.argv[1]?.endsWith("load.ts")) {
  const job = JSON.parse(process.argv[2] as string) as Job;
  process.stdout.write(`${JSON.stringify(await run(job))}\n`);
}
