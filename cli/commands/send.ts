/** `send`: posts an event as GitLab would, of any kind, to any address. */
import { randomUUID } from "node:crypto";
import { messageOf, systemCode } from "../../lib/errors.ts";
import { EVENTS, eventByName, SYSTEM_HEADER, type EventRow } from "../../lib/events.ts";
import { nearestEventName } from "../../lib/event-spelling.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { readVariable } from "../../lib/env.ts";
import { decodeSigningToken, sign } from "../../lib/signature.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { printJson, wantsText } from "../output.ts";
import { PAYLOADS } from "../payloads/payloads.ts";
import { INSTANCE, type Scene } from "../payloads/scene.ts";
import { Poster, type Posted } from "../post.ts";
import { DEFAULT_URL, isLoopback, OUTPUT_OPTION } from "../relay-api.ts";
import { plain, textTable } from "../text-table.ts";
import { countOption } from "../count-option.ts";
import type { CliWorld } from "../world.ts";

const TIMEOUT_MS = 10_000;
const MOST = 100_000;

const KINDS = EVENTS.map(({ kind }) => kind);

export const send: CommandSpec = {
  name: "send",
  group: "Developing",
  summary: "send an event of any kind, as GitLab would",
  details:
    "The payload is of our own making, with the fields that GitLab sends. Without a token or signing token, the secret of a relay on this machine is taken from its data folder.",
  args: [
    {
      name: "kind",
      description: "such as push, merge_request or job; --list shows all",
      completions: KINDS,
    },
  ],
  options: [
    {
      name: "--to",
      value: "URL",
      description: `where to send it; default: the webhook address of the relay at RELAY_URL, else ${DEFAULT_URL}`,
    },
    {
      name: "--secret",
      value: "TOKEN",
      env: "GITLAB_WEBHOOK_SECRET",
      description: "secret token for X-Gitlab-Token; other users of the machine can see options",
    },
    {
      name: "--signing-token",
      value: "TOKEN",
      env: "GITLAB_WEBHOOK_SIGNING_TOKEN",
      description: "whsec_... that signs the event",
    },
    { name: "--project", value: "PATH", description: "project of the event; default acme/shop" },
    { name: "--branch", value: "NAME", description: "branch of the event; default main" },
    { name: "--user", value: "NAME", description: "username of who did it; default alice" },
    { name: "--file", value: "FILE", description: "send this payload instead of ours" },
    { name: "--count", value: "NUMBER", description: "events to send, one after another; default 1" },
    { name: "--print", value: null, description: "print the payload instead of sending it" },
    { name: "--list", value: null, description: "list the kinds" },
    OUTPUT_OPTION,
  ],
  examples: [
    { command: "gitlab-hook-relay send push", what: "to a relay on this machine" },
    {
      command: 'gitlab-hook-relay send merge_request --to http://localhost:3000/hooks --secret "$SECRET"',
      what: "to a program that you are writing",
    },
    { command: "gitlab-hook-relay send pipeline --print", what: "see what a payload looks like" },
  ],
  exits: [
    [0, "every event was answered 2xx"],
    [1, "one was not"],
    [2, "wrong options"],
  ],
  async run(given, world) {
    if (given.flag("--list")) return listKinds(given, world);
    const row = kindOf(given);
    const bodies = bodiesOf(given, row, world);
    if (given.flag("--print")) {
      for (const body of bodies()) world.stdout(`${body.toString("utf8")}\n`);
      return STATUS.done;
    }
    return await sendAll(given, world, { row, bodies });
  },
};

function listKinds(given: Given, world: CliWorld): number {
  if (wantsText(given, world)) {
    const rows = EVENTS.map((row) => [row.kind, row.header, row.title]);
    world.stdout(textTable(["KIND", "X-GITLAB-EVENT", "EVENT"], rows, world.columns));
  } else {
    printJson(
      EVENTS.map(({ kind, header, title }) => ({ kind, header, title })),
      world,
    );
  }
  return STATUS.done;
}

/** @throws UsageError */
function kindOf({ args }: Given): EventRow {
  const [name] = args;
  if (name === undefined)
    throw new UsageError("say which kind of event: push, for example; --list shows all");
  const row = eventByName(name);
  if (row !== undefined) return row;
  const nearest = nearestEventName(name);
  const guess = nearest === null ? "" : `did you mean ${nearest}? `;
  throw new UsageError(`there is no kind of event "${name}"; ${guess}--list shows all`);
}

function bodiesOf(given: Given, row: EventRow, world: CliWorld): () => Generator<Buffer> {
  const count = countOption(given, "--count", MOST) ?? 1;
  const file = given.text("--file");
  const own = file === undefined ? null : ownPayload(file, world);
  const payload = PAYLOADS.get(row.kind) as NonNullable<ReturnType<typeof PAYLOADS.get>>;
  const project = given.text("--project") ?? "acme/shop";
  if (!/^[^/\s]+(\/[^/\s]+)+$/.test(project))
    throw new UsageError(`--project must be a path with its group, such as acme/shop, not "${project}"`);
  const scene: Omit<Scene, "number"> = {
    project,
    branch: given.text("--branch") ?? "main",
    user: given.text("--user") ?? "alice",
    now: world.clock.now(),
  };
  return function* bodies() {
    for (let number = 1; number <= count; number += 1)
      yield own ?? Buffer.from(JSON.stringify(payload({ ...scene, number })));
  };
}

function ownPayload(file: string, world: CliWorld): Buffer {
  try {
    return Buffer.from(world.readFile(file));
  } catch (error) {
    throw new UsageError(`cannot read --file "${file}": ${messageOf(error)}`);
  }
}

interface Credentials {
  readonly secret: string | null;
  readonly signingKey: Uint8Array | null;
}

/** @throws UsageError */
function credentialsOf(given: Given, to: string, world: CliWorld): Credentials {
  const read = (name: string): string | undefined => {
    try {
      return splitSecrets(readVariable(name, world) ?? "")[0];
    } catch (error) {
      throw new UsageError(messageOf(error));
    }
  };
  const token = given.text("--signing-token") ?? read("GITLAB_WEBHOOK_SIGNING_TOKEN");
  const signingKey = token === undefined ? null : decodeSigningToken(token);
  if (token !== undefined && signingKey === null)
    throw new UsageError("--signing-token must be whsec_ followed by base64 of 24 to 64 bytes");
  const chosen = given.text("--secret") ?? read("GITLAB_WEBHOOK_SECRET");
  const secret =
    chosen ??
    (signingKey === null && given.text("--to") === undefined && isLoopback(to) ? madeSecret(world) : null);
  return { secret, signingKey };
}

/** The secret that a relay made for itself; null if there is none here. */
function madeSecret(world: CliWorld): string | null {
  try {
    return world.readFile(`${world.env["RELAY_DATA_DIR"] ?? "./data"}/webhook-secret`).trim();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}

interface Work {
  readonly row: EventRow;
  readonly bodies: () => Generator<Buffer>;
}

async function sendAll(given: Given, world: CliWorld, { row, bodies }: Work): Promise<number> {
  const to =
    given.text("--to") ??
    `${(world.env["RELAY_URL"] ?? DEFAULT_URL).replace(/\/{1,9}$/, "")}/webhooks/gitlab`;
  if (!URL.canParse(to) || !/^https?:$/.test(new URL(to).protocol))
    throw new UsageError(`--to (or RELAY_URL) must be an http or https address, not "${to}"`);
  const credentials = credentialsOf(given, to, world);
  const poster = new Poster(world.env, () => world.clock.monotonic());
  let failed = false;
  try {
    for (const body of bodies()) {
      if (world.ended.aborted) break;
      const headers = headersOf(row, credentials, { body, now: world.clock.now() });
      const posted = await poster.post({ url: new URL(to), headers, body, timeoutMs: TIMEOUT_MS });
      failed ||= posted.status === null || posted.status > 299;
      if (wantsText(given, world)) world.stdout(`${row.kind} -> ${answerText(posted)}\n`);
      else printJson({ kind: row.kind, deliveryId: headers["idempotency-key"], ...posted }, world);
    }
  } finally {
    await poster.close();
  }
  return failed ? STATUS.failed : STATUS.done;
}

/** The headers of GitLab 19, names in lower case. */
function headersOf(
  row: EventRow,
  { secret, signingKey }: Credentials,
  { body, now }: { readonly body: Buffer; readonly now: number },
): Record<string, string> {
  const id = randomUUID();
  const timestamp = Math.floor(now / 1000);
  const isSystem = row.scopes.every((scope) => scope === "system");
  return {
    "content-type": "application/json",
    "user-agent": "GitLab/19.1.0",
    "x-gitlab-event": isSystem ? SYSTEM_HEADER : row.header,
    "x-gitlab-webhook-uuid": randomUUID(),
    "x-gitlab-event-uuid": randomUUID(),
    "x-gitlab-instance": INSTANCE,
    "idempotency-key": id,
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    ...(secret === null ? {} : { "x-gitlab-token": secret }),
    ...(signingKey === null ? {} : { "webhook-signature": sign([signingKey], id, timestamp, body) }),
  };
}

/** `202 in 3 ms  {"status":"accepted",...}`. */
export function answerText({ status, text, durationMs }: Posted): string {
  const first = plain(text.trimStart()).slice(0, 200).trimEnd();
  return status === null ? `no answer: ${first}` : `${status} in ${durationMs} ms  ${first}`.trimEnd();
}
