/** Where a batch of events goes, and the columns by which they are listed, as it is written. */
import type { IdWords } from "../../event/event-id.ts";
import { GITLAB_IDS } from "../../event/gitlab-ids.ts";
import type { Route } from "../../queue/queue.ts";
import { Dictionary, pairName } from "./memory/dictionary.ts";
import { asBuffer } from "./records.ts";

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
