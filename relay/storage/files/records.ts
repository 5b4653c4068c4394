/**
 * What the queue of one process writes beside the events, as bytes. Pure.
 *
 *   state:<id>:<target>:<replay>  one delivery that was tried, or a replay
 *   routes:<number>               where a batch of events goes, and the columns by which they are listed
 *   dedupe:<number>               ids of removed events that are still remembered, 16 bytes each
 *   target:<name>                 switches of a target
 *   duplicates:<id>               how often the event was sent again, and when last
 *   replays:<job>, replays:<job>:<target>  replay jobs (replay-records.ts)
 *
 * A delivery that nobody tried has no key of its own: its record of routes stands for it.
 */
import { Dictionary, pairName } from "./memory/columns.ts";
import { EVENT_KEY, ID_BYTES } from "../../event/event-id.ts";
import { deadReasonCode } from "../../queue/dead-reason.ts";
import { GITLAB_IDS } from "../../event/gitlab-ids.ts";
import type { IdWords } from "../../event/event-id.ts";
import type { Attempt, Delivery, DeliveryState } from "../../queue/delivery-state.ts";
import type { Route } from "../../queue/queue.ts";

export const PREFIX = {
  event: EVENT_KEY,
  state: "state:",
  routes: "routes:",
  dedupe: "dedupe:",
  target: "target:",
  duplicates: "duplicates:",
  replays: "replays:",
} as const;

export function stateKey(id: string, target: string, replay: number): string {
  return `${PREFIX.state}${id}:${target}:${replay}`;
}

/** What is written of a delivery, beside what its key says. */
export interface StateRecord {
  readonly delivery: Omit<Delivery, "eventId" | "target" | "replay">;
  readonly lane: string | null;
  /** Order of a replay; null: its event's. */
  readonly order: number | null;
}

/** The part of a state record that a start needs, read without parsing the rest. */
export interface StateHead {
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Due time or end, wall clock. */
  readonly at: number;
  readonly order: number | null;
  readonly lane: string | null;
  readonly isMoved: boolean;
  /** Place of its reason in DEAD_REASONS; null: it is not dead, or was written by a version before 0.2. */
  readonly deadReason: number | null;
}

const STATE_LETTERS: readonly DeliveryState[] = ["waiting", "sending", "done", "dead"];
const HEAD_BYTES = 22;

interface StateRest {
  readonly first: number | null;
  readonly reason: string | null;
  readonly history: readonly Attempt[];
  readonly movedTo?: string;
}

/** In the second byte. */
const HAS_LANE = 1;
const IS_MOVED = 2;
/** From this bit on: the place of its reason in DEAD_REASONS, plus 1; 0: it has none here. */
const REASON_SHIFT = 2;

/** Layout: state 1, has a lane, was moved, reason of death 1, attempts 2, time 8, order 8 (0: the event's), length of the lane 2, lane, JSON. */
export function encodeState(record: StateRecord): Uint8Array {
  const { delivery, lane, order } = record;
  const rest: StateRest = {
    first: delivery.firstAttemptAt,
    reason: delivery.reason,
    history: delivery.history,
    ...(delivery.movedTo === undefined ? {} : { movedTo: delivery.movedTo }),
  };
  const laneText = lane ?? "";
  const json = JSON.stringify(rest);
  const laneBytes = Buffer.byteLength(laneText, "utf8");
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + laneBytes + Buffer.byteLength(json, "utf8"));
  bytes.writeUInt8(STATE_LETTERS.indexOf(delivery.state), 0);
  const reason = delivery.state === "dead" ? deadReasonCode(delivery) + 1 : 0;
  const flags = (lane === null ? 0 : HAS_LANE) | (delivery.movedTo === undefined ? 0 : IS_MOVED);
  bytes.writeUInt8(flags | (reason << REASON_SHIFT), 1);
  bytes.writeUInt16LE(delivery.attempts, 2);
  bytes.writeDoubleLE(delivery.endedAt ?? delivery.dueAt ?? 0, 4);
  bytes.writeDoubleLE(order ?? 0, 12);
  bytes.writeUInt16LE(laneBytes, 20);
  bytes.write(laneText, HEAD_BYTES, "utf8");
  bytes.write(json, HEAD_BYTES + laneBytes, "utf8");
  return bytes;
}

export function decodeStateHead(value: Uint8Array): StateHead {
  const bytes = asBuffer(value);
  const order = bytes.readDoubleLE(12);
  const reason = bytes.readUInt8(1) >>> REASON_SHIFT;
  return {
    state: STATE_LETTERS[bytes.readUInt8(0)]!,
    attempts: bytes.readUInt16LE(2),
    at: bytes.readDoubleLE(4),
    order: order === 0 ? null : order,
    lane:
      (bytes.readUInt8(1) & HAS_LANE) === 0
        ? null
        : bytes.toString("utf8", HEAD_BYTES, HEAD_BYTES + bytes.readUInt16LE(20)),
    isMoved: (bytes.readUInt8(1) & IS_MOVED) !== 0,
    deadReason: reason === 0 ? null : reason - 1,
  };
}

/** Length of what a start reads: the head, or all of it if only the history tells why it is dead. */
export function stateNeededBytes(value: Uint8Array): number {
  const { state, deadReason } = decodeStateHead(value);
  return state === "dead" && deadReason === null ? value.length : stateHeadBytes(value);
}

/** Length of what decodeStateHead() reads. */
function stateHeadBytes(value: Uint8Array): number {
  return HEAD_BYTES + asBuffer(value).readUInt16LE(20);
}

export function decodeState(value: Uint8Array): StateRecord {
  const bytes = asBuffer(value);
  const { state, attempts, at, order, lane } = decodeStateHead(value);
  const rest = JSON.parse(bytes.toString("utf8", HEAD_BYTES + bytes.readUInt16LE(20))) as StateRest;
  const ended = state === "done" || state === "dead";
  return {
    delivery: {
      state,
      attempts,
      firstAttemptAt: rest.first,
      dueAt: ended ? null : at,
      endedAt: ended ? at : null,
      reason: rest.reason,
      history: rest.history,
      ...(rest.movedTo === undefined ? {} : { movedTo: rest.movedTo }),
    },
    lane,
    order,
  };
}

/** One event in a record of routes. */
export interface RoutedEvent {
  readonly id: IdWords;
  readonly receivedAt: number;
  readonly kind: string | null;
  readonly eventName: string | null;
  readonly projectId: number | null;
  readonly projectPath: string | null;
  /** Numbers of the ids that GitLab gave it (gitlab-ids.ts), none 0; empty: none, or not known. */
  readonly gitlabIds: readonly number[];
  readonly routes: readonly Route[];
}

/** What the events of one record share, each said once. */
interface RoutesHead {
  readonly kinds: readonly (readonly [kind: string | null, eventName: string | null])[];
  readonly projects: readonly (readonly [id: number | null, path: string | null])[];
  readonly routes: readonly (readonly (readonly [target: string, lane: string | null])[])[];
  /** GITLAB_IDS numbers for each event, 0: none; as base64. Absent in records of versions before 0.2, and those read past it. */
  readonly ids?: string;
}

/** A record of routes as it is: events name what they share by its place in the lists. */
export interface RoutesRecord extends RoutesHead {
  readonly count: number;
  /** Writes the id of the event at `index` into words that the caller reuses. */
  id(index: number, into: IdWords): void;
  receivedAt(index: number): number;
  kind(index: number): number;
  project(index: number): number;
  route(index: number): number;
  /** 0: it has none in this place. */
  gitlabId(index: number, place: number): number;
}

const ROW_BYTES = 32;
const ROW_WORDS = ROW_BYTES / 4;
/** Most events in one record; places in its lists are 16 bits wide. */
export const MAX_ROUTED = 512;

/**
 * A record of routes as it fills up, in the bytes that it will have: nothing of an event outlives its turn.
 * Layout: length of the head 4, head as JSON, then for each event: id 16, time of receipt 8, places in the lists 2 + 2 + 4.
 */
export class RoutesWriter {
  readonly #kinds = new Dictionary<RoutesHead["kinds"][number]>();
  readonly #projects = new Dictionary<RoutesHead["projects"][number]>();
  readonly #routes = new Dictionary<RoutesHead["routes"][number]>();
  readonly #rows = Buffer.allocUnsafeSlow(MAX_ROUTED * ROW_BYTES);
  readonly #gitlabIds = new Uint32Array(MAX_ROUTED * GITLAB_IDS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** At most MAX_ROUTED events. */
  add({ id, receivedAt, kind, eventName, projectId, projectPath, gitlabIds, routes }: RoutedEvent): void {
    let routesName = "";
    for (const { target, lane } of routes) routesName += `${pairName(target, lane)}\n`;
    const route =
      this.#routes.find(routesName) ??
      this.#routes.code(
        routesName,
        routes.map(({ target, lane }) => [target, lane] as const),
      );
    const rows = this.#rows;
    for (let place = 0; place < GITLAB_IDS; place++)
      this.#gitlabIds[this.#count * GITLAB_IDS + place] = gitlabIds[place] ?? 0;
    const at = this.#count++ * ROW_BYTES;
    for (let place = 0; place < 4; place++) rows.writeUInt32LE(id[place]!, at + place * 4);
    rows.writeDoubleLE(receivedAt, at + 16);
    rows.writeUInt16LE(this.#kinds.code(pairName(kind, eventName), [kind, eventName]), at + 24);
    rows.writeUInt16LE(
      this.#projects.code(pairName(projectId, projectPath), [projectId, projectPath]),
      at + 26,
    );
    rows.writeUInt32LE(route, at + 28);
  }

  /** Leaves out events of which `keeps` says no; returns how many are left. */
  filter(keeps: (w0: number, w1: number, w2: number, w3: number) => boolean): number {
    const rows = this.#rows;
    let kept = 0;
    for (let index = 0; index < this.#count; index++) {
      const at = index * ROW_BYTES;
      const w0 = rows.readUInt32LE(at);
      const w1 = rows.readUInt32LE(at + 4);
      if (!keeps(w0, w1, rows.readUInt32LE(at + 8), rows.readUInt32LE(at + 12))) continue;
      rows.copyWithin(kept * ROW_BYTES, at, at + ROW_BYTES);
      const ids = index * GITLAB_IDS;
      this.#gitlabIds.copyWithin(kept * GITLAB_IDS, ids, ids + GITLAB_IDS);
      kept++;
    }
    this.#count = kept;
    return kept;
  }

  encode(): Uint8Array {
    const head: RoutesHead = {
      kinds: this.#kinds.values,
      projects: this.#projects.values,
      routes: this.#routes.values,
      ids: Buffer.from(this.#gitlabIds.buffer, 0, this.#count * GITLAB_IDS * 4).toString("base64"),
    };
    const json = Buffer.from(JSON.stringify(head), "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length, 0);
    return Buffer.concat([length, json, this.#rows.subarray(0, this.#count * ROW_BYTES)]);
  }
}

export function encodeRoutes(events: readonly RoutedEvent[]): Uint8Array {
  const writer = new RoutesWriter();
  for (const event of events) writer.add(event);
  return writer.encode();
}

export function decodeRoutes(value: Uint8Array): RoutesRecord {
  const bytes = asBuffer(value);
  const start = 4 + bytes.readUInt32LE(0);
  const head = JSON.parse(bytes.toString("utf8", 4, start)) as RoutesHead;
  // A copy, as typed arrays begin at multiples of their cells. All machines that Node runs on are little-endian.
  const copy = Uint8Array.prototype.slice.call(bytes, start).buffer;
  const words = new Uint32Array(copy);
  const doubles = new Float64Array(copy);
  const ids = numbersIn(head.ids ?? "");
  return {
    ...head,
    count: words.length / ROW_WORDS,
    id(index, into) {
      const at = index * ROW_WORDS;
      for (let place = 0; place < 4; place++) into[place] = words[at + place]!;
    },
    receivedAt: (index) => doubles[index * 4 + 2]!,
    kind: (index) => words[index * ROW_WORDS + 6]! & 0xffff,
    project: (index) => words[index * ROW_WORDS + 6]! >>> 16,
    route: (index) => words[index * ROW_WORDS + 7]!,
    gitlabId: (index, place) => ids[index * GITLAB_IDS + place] ?? 0,
  };
}

/** 32 bits each. */
function numbersIn(base64: string): Uint32Array {
  const bytes = Buffer.from(base64, "base64");
  return new Uint32Array(Uint8Array.prototype.slice.call(bytes).buffer);
}

/** The event at `index`, with all that it shares. */
export function routedEvent(record: RoutesRecord, index: number): RoutedEvent {
  const id = new Uint32Array(4);
  record.id(index, id);
  const [kind, eventName] = record.kinds[record.kind(index)]!;
  const [projectId, projectPath] = record.projects[record.project(index)]!;
  return {
    id,
    receivedAt: record.receivedAt(index),
    kind,
    eventName,
    projectId,
    projectPath,
    gitlabIds: Array.from({ length: GITLAB_IDS }, (_, place) => record.gitlabId(index, place)).filter(
      (number) => number !== 0,
    ),
    routes: record.routes[record.route(index)]!.map(([target, lane]): Route => ({ target, lane })),
  };
}

export function encodeIds(ids: readonly IdWords[]): Uint8Array {
  const bytes = Buffer.alloc(ids.length * ID_BYTES);
  ids.forEach((id, index) => {
    id.forEach((word, place) => bytes.writeUInt32LE(word, index * ID_BYTES + place * 4));
  });
  return bytes;
}

/** Calls back with the words of each id. */
export function visitIds(
  value: Uint8Array,
  visit: (w0: number, w1: number, w2: number, w3: number) => void,
): void {
  const bytes = asBuffer(value);
  for (let at = 0; at < bytes.length; at += ID_BYTES) {
    visit(
      bytes.readUInt32LE(at),
      bytes.readUInt32LE(at + 4),
      bytes.readUInt32LE(at + 8),
      bytes.readUInt32LE(at + 12),
    );
  }
}

function asBuffer(value: Uint8Array): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
