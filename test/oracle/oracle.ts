/**
 * The oracle: every acknowledged event is a debt, and the debts are settled at the end.
 *
 * A producer sends events with ids of their own; each 2xx becomes a debt. Targets report what they received: id and digest of the
 * body. Meanwhile relays are killed. Afterwards each debt must stand at each target with the bytes that were sent, or among the
 * dead letters of that target, and nothing may stand there that was never sent.
 */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Agent, request } from "undici";
import { AS_ADMIN } from "../helpers/relay-process.ts";

export const TOKEN = "oracle-secret-token";

const digestOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

/** What a target does with a request, decided by the test. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, id: string) => void;

export interface Receipt {
  readonly id: string;
  readonly digest: string;
  readonly project: string;
}

export interface Sink {
  readonly url: string;
  /** Everything it answered with 2xx, in order, repetitions included. */
  readonly receipts: readonly Receipt[];
  close(): Promise<void>;
}

/** A target that notes what it takes. `behaviour` may refuse; what it answers with 2xx counts as received. */
export async function startSink(behaviour: Behaviour): Promise<Sink> {
  const receipts: Receipt[] = [];
  const server: Server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("error", () => {});
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      const id = String(incoming.headers["idempotency-key"]);
      const project = String((JSON.parse(body.toString("utf8")) as { project: { id: number } }).project.id);
      const note = (): void => {
        if (response.statusCode < 300) receipts.push({ id, digest: digestOf(body), project });
      };
      response.once("finish", note);
      behaviour(incoming, response, id);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    receipts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The relays that are up: the producer sends to them and waits while there is none. */
export class Relays {
  #urls: string[] = [];
  #waiting: (() => void)[] = [];

  up(url: string): void {
    this.#urls.push(url);
    for (const resume of this.#waiting.splice(0)) resume();
  }

  down(url: string): void {
    this.#urls = this.#urls.filter((known) => known !== url);
  }

  /** Lets go of everybody who waits: there will be no more. */
  end(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** One of them; undefined after a wait that end() ended. */
  async any(random: () => number): Promise<string | undefined> {
    if (this.#urls.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#urls[Math.floor(random() * this.#urls.length)];
  }
}

/** When an event was sent and acknowledged, counted in steps of the producer. */
export interface Sending {
  readonly project: string;
  readonly sentAt: number;
  /** Infinity: it was not acknowledged. */
  readonly acknowledgedAt: number;
}

export interface Producer {
  /** Acknowledged events: id -> digest of its body. */
  readonly debts: ReadonlyMap<string, string>;
  /** In the order of their acknowledgement, by project, where `sequential` was asked for. */
  readonly order: ReadonlyMap<string, readonly string[]>;
  /** Every id that was sent, acknowledged or not. */
  readonly attempted: ReadonlyMap<string, Sending>;
  readonly refused: number;
  readonly unanswered: number;
  /** Resolves with the next acknowledgement after `count` more, in the midst of what is under way. */
  after(count: number): Promise<void>;
  /** Sends until told to stop; resolves when the last answer is there. */
  run(relays: Relays, stop: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface ProducerOptions {
  readonly connections: number;
  readonly projects: number;
  /** Each connection has projects of its own and repeats an event until it is acknowledged, as if GitLab kept order. */
  readonly sequential: boolean;
  readonly random: () => number;
}

interface Made {
  readonly id: string;
  readonly project: number;
  readonly body: Buffer;
}

/** Sends push events of different sizes over `connections` at once. */
export function createProducer({ connections, projects, sequential, random }: ProducerOptions): Producer {
  const agent = new Agent({ connections, headersTimeout: 10_000, bodyTimeout: 10_000, connectTimeout: 2000 });
  const debts = new Map<string, string>();
  const order = new Map<string, string[]>();
  const attempted = new Map<string, Sending>();
  const watchers = new Map<() => void, number>();
  let refused = 0;
  let unanswered = 0;
  let sent = 0;
  let step = 0;

  function makeEvent(connection: number): Made {
    const own = Math.floor(random() * (projects / connections)) * connections + connection;
    const project = 1 + (sequential ? own : Math.floor(random() * projects));
    sent += 1;
    const filler = "ä€𝄞 \\u0000".repeat(Math.floor(random() * 400));
    const payload = {
      object_kind: "push",
      project: { id: project, path_with_namespace: `acme/p${project}` },
      sent,
      filler,
    };
    return { id: randomUUID(), project, body: Buffer.from(JSON.stringify(payload)) };
  }

  async function send(url: string, { id, project, body }: Made): Promise<boolean> {
    const sending = attempted.get(id) ?? {
      project: String(project),
      sentAt: step++,
      acknowledgedAt: Infinity,
    };
    attempted.set(id, sending);
    try {
      const { statusCode, body: answer } = await request(`${url}/webhooks/gitlab`, {
        method: "POST",
        dispatcher: agent,
        headers: {
          "content-type": "application/json",
          "x-gitlab-event": "Push Hook",
          "x-gitlab-token": TOKEN,
          "x-gitlab-instance": "https://gitlab.example",
          "idempotency-key": id,
        },
        body,
      });
      await answer.dump();
      if (statusCode === 200 || statusCode === 202) {
        attempted.set(id, { ...sending, acknowledgedAt: step++ });
        return true;
      }
      refused += 1;
    } catch {
      unanswered += 1;
    }
    return false;
  }

  async function keepSending(index: number, relays: Relays, stop: AbortSignal): Promise<void> {
    let event = makeEvent(index);
    while (!stop.aborted) {
      const url = await relays.any(random);
      if (url === undefined) continue;
      const acknowledged = await send(url, event);
      if (acknowledged) {
        debts.set(event.id, digestOf(event.body));
        for (const [resume, at] of watchers) {
          if (debts.size < at) continue;
          watchers.delete(resume);
          resume();
        }
        const project = String(event.project);
        order.set(project, [...(order.get(project) ?? []), event.id]);
      }
      if (acknowledged || !sequential) event = makeEvent(index);
    }
  }

  return {
    debts,
    order,
    attempted,
    get refused() {
      return refused;
    },
    get unanswered() {
      return unanswered;
    },
    after: (count) => new Promise((resolve) => watchers.set(resolve, debts.size + count)),
    run: async (relays, stop) => {
      stop.addEventListener("abort", () => relays.end(), { once: true });
      await Promise.all(Array.from({ length: connections }, (_, index) => keepSending(index, relays, stop)));
    },
    close: () => agent.destroy(),
  };
}

export interface Verdict {
  /** Acknowledged, but neither delivered nor in the dead letters. */
  readonly missing: readonly string[];
  /** Delivered with other bytes than were sent. */
  readonly altered: readonly string[];
  /** Delivered more than once. */
  readonly duplicates: number;
  readonly delivered: number;
  readonly dead: number;
}

/** Compares debts with what one target received and with its dead letters. */
export function judge(
  debts: ReadonlyMap<string, string>,
  receipts: readonly Receipt[],
  dead: ReadonlySet<string>,
): Verdict {
  const received = new Map<string, Set<string>>();
  for (const { id, digest } of receipts) received.set(id, (received.get(id) ?? new Set()).add(digest));
  const missing = [...debts.keys()].filter((id) => !received.has(id) && !dead.has(id));
  const altered = [...received].filter(
    ([id, digests]) => digests.size > 1 || (debts.has(id) && !digests.has(debts.get(id)!)),
  );
  return {
    missing,
    altered: altered.map(([id]) => id),
    duplicates: receipts.length - received.size,
    delivered: received.size,
    dead: dead.size,
  };
}

interface EventRow {
  readonly deliveryId: string;
}

/** Delivery ids of a target's dead letters, from the admin API, all pages. */
export async function deadLetters(url: string, target: string): Promise<Set<string>> {
  const ids = new Set<string>();
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await fetch(`${url}/api/v1/events?state=dead&target=${target}&limit=200${query}`, {
      headers: AS_ADMIN,
    });
    const page = (await answer.json()) as { events: EventRow[]; cursor: string | null };
    for (const { deliveryId } of page.events) ids.add(deliveryId);
    cursor = page.cursor;
  } while (cursor !== null);
  return ids;
}

/** Asked before the targets: what is matched in between waits at one of them. */
async function allMatched(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/v1/events?state=unrouted&limit=1`, { headers: AS_ADMIN });
  const text = await answer.text();
  return answer.ok && (JSON.parse(text) as { events: EventRow[] }).events.length === 0;
}

interface TargetRow {
  readonly name: string;
  readonly waiting: number;
  readonly sending: number;
}

/**
 * Resolves once every event is matched and no target has anything waiting; asks again and again, and rejects after `limitMs`. A relay whose storage is just
 * coming back answers 503 meanwhile, which is no answer to the question.
 */
export async function drained(url: string, limitMs: number): Promise<void> {
  const until = performance.now() + limitMs;
  for (;;) {
    const wasMatched = await allMatched(url);
    const answer = await fetch(`${url}/api/v1/targets`, { headers: AS_ADMIN });
    const text = await answer.text();
    if (answer.status !== 200 && answer.status !== 503) throw new Error(`${answer.status}: ${text}`);
    const targets = answer.ok ? (JSON.parse(text) as { targets: TargetRow[] }).targets : [];
    const isIdle = targets.length > 0 && targets.every((t) => t.waiting + t.sending === 0);
    if (isIdle && wasMatched) return;
    if (performance.now() > until) throw new Error(`not drained within ${limitMs} ms: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
