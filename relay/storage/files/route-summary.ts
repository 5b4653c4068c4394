/**
 * What a start needs of a record of routes, as the indexes beside the journal's segments keep it: columns that are read as they are, and
 * the paths of projects as bytes, of which no text is made if it is known already. A start reads thousands of records that say the same.
 *
 *   0  events n, projects p, ids of GitLab's for each event g, bytes of the paths, bytes of the JSON, 0: 4 bytes each
 *  24  n times of receipt of 8 bytes; 4n words of ids, n x g ids of GitLab's and p ids of projects of 4 bytes;
 *      kinds, projects and routes of 2 bytes, n each; p lengths of paths of 1 byte; the paths; the JSON
 */
import type { IdWords } from "../../event/event-id.ts";
import { GITLAB_IDS } from "../../event/gitlab-ids.ts";
import type { EventTable } from "./memory/table.ts";
import { decodeRoutes, type RoutesRecord } from "./route-records.ts";

const HEAD_WORDS = 6;
const ID_WORDS = 4;

/** What is rare or different each time. */
interface Rest {
  readonly kinds: RoutesRecord["kinds"];
  readonly routes: RoutesRecord["routes"];
  /** Projects without an id of 32 bits or with a path that is not short ASCII, by their place. */
  readonly unusual: readonly (readonly [place: number, id: number | null, path: string | null])[];
}

const PLAIN_PATH = /^[\x20-\x7e]{1,255}$/;

interface PlainProject {
  readonly id: number;
  readonly path: string;
}

function plainProject([id, path]: RoutesRecord["projects"][number]): PlainProject | null {
  if (id === null || id !== id >>> 0 || path === null || !PLAIN_PATH.test(path)) return null;
  return { id, path };
}

/** @param value a record of routes, as it is written */
export function summarizeRoutes(value: Uint8Array): Uint8Array {
  const record = decodeRoutes(value);
  const { count, kinds, routes } = record;
  const gitlabIds = mostGitlabIds(record);
  const projects = record.projects.map(plainProject);
  const unusual = record.projects.flatMap(([id, path], place) =>
    projects[place] === null ? [[place, id, path] as const] : [],
  );
  const paths = Buffer.from(projects.map((project) => project?.path ?? "").join(""), "latin1");
  const rest: Rest = { kinds, routes, unusual };
  const json = Buffer.from(JSON.stringify(rest), "utf8");
  const head = Uint32Array.of(count, projects.length, gitlabIds, paths.length, json.length, 0);
  const receivedAt = new Float64Array(count);
  const words = new Uint32Array(count * (ID_WORDS + gitlabIds) + projects.length);
  const places = new Uint16Array(count * 3);
  const id = new Uint32Array(ID_WORDS);
  for (let index = 0; index < count; index++) {
    receivedAt[index] = record.receivedAt(index);
    record.id(index, id);
    words.set(id, index * ID_WORDS);
    for (let place = 0; place < gitlabIds; place++)
      words[count * (ID_WORDS + place) + index] = record.gitlabId(index, place);
    places[index] = record.kind(index);
    places[count + index] = record.project(index);
    places[2 * count + index] = record.route(index);
  }
  words.set(
    projects.map((project) => project?.id ?? 0),
    count * (ID_WORDS + gitlabIds),
  );
  const lengths = Uint8Array.from(projects, (project) => project?.path.length ?? 0);
  return Buffer.concat([...[head, receivedAt, words, places].map(bytesOf), lengths, paths, json]);
}

function mostGitlabIds(record: RoutesRecord): number {
  let most = 0;
  for (let index = 0; index < record.count; index++)
    while (most < GITLAB_IDS && record.gitlabId(index, most) !== 0) most++;
  return most;
}

function bytesOf(array: Uint32Array | Uint16Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer);
}

/** Reads one summary after another; what it tells is that of the last one. */
export class RouteSummary {
  /** A copy, as typed arrays begin at multiples of their cells. All machines that Node runs on are little-endian. */
  #bytes = Buffer.alloc(0);
  #receivedAt = new Float64Array(0);
  #words = new Uint32Array(0);
  #places = new Uint16Array(0);
  #rest: Rest = { kinds: [], routes: [], unusual: [] };
  #projectCount = 0;
  #gitlabIds = 0;
  /** Where the lengths of the paths begin. */
  #lengthsAt = 0;
  #count = 0;

  read(summary: Uint8Array): void {
    if (this.#bytes.length < summary.length) this.#bytes = Buffer.alloc(summary.length * 2);
    const bytes = this.#bytes;
    bytes.set(summary);
    const { buffer, byteOffset } = bytes;
    const [count = 0, projects = 0, gitlabIds = 0, pathBytes = 0, jsonBytes = 0] = new Uint32Array(
      buffer,
      byteOffset,
      HEAD_WORDS,
    );
    const wordsAt = HEAD_WORDS * 4 + count * 8;
    const words = count * (ID_WORDS + gitlabIds) + projects;
    this.#count = count;
    this.#projectCount = projects;
    this.#gitlabIds = gitlabIds;
    this.#receivedAt = new Float64Array(buffer, byteOffset + HEAD_WORDS * 4, count);
    this.#words = new Uint32Array(buffer, byteOffset + wordsAt, words);
    this.#places = new Uint16Array(buffer, byteOffset + wordsAt + words * 4, count * 3);
    this.#lengthsAt = wordsAt + words * 4 + count * 6;
    const jsonAt = this.#lengthsAt + projects + pathBytes;
    this.#rest = JSON.parse(bytes.toString("utf8", jsonAt, jsonAt + jsonBytes)) as Rest;
  }

  get count(): number {
    return this.#count;
  }

  get kinds(): RoutesRecord["kinds"] {
    return this.#rest.kinds;
  }

  get routes(): RoutesRecord["routes"] {
    return this.#rest.routes;
  }

  /** The table's codes of the projects, by place. */
  projectCodes(table: EventTable): number[] {
    const ids = this.#words.length - this.#projectCount;
    const codes: number[] = [];
    let at = this.#lengthsAt + this.#projectCount;
    for (let place = 0; place < this.#projectCount; place++) {
      const length = this.#bytes[this.#lengthsAt + place]!;
      // Unusual ones have no path here and get their code below.
      codes.push(
        length === 0 ? 0 : table.projects.codeAt(this.#words[ids + place]!, this.#bytes, at, length),
      );
      at += length;
    }
    for (const [place, id, path] of this.#rest.unusual) codes[place] = table.projects.code(id, path);
    return codes;
  }

  /** Writes the id of the event at `index` into words that the caller reuses. */
  id(index: number, into: IdWords): void {
    for (let word = 0; word < ID_WORDS; word++) into[word] = this.#words[index * ID_WORDS + word]!;
  }

  receivedAt(index: number): number {
    return this.#receivedAt[index]!;
  }

  kind(index: number): number {
    return this.#places[index]!;
  }

  project(index: number): number {
    return this.#places[this.#count + index]!;
  }

  route(index: number): number {
    return this.#places[2 * this.#count + index]!;
  }

  /** 0: it has none in this place. */
  gitlabId(index: number, place: number): number {
    return place < this.#gitlabIds ? this.#words[this.#count * (ID_WORDS + place) + index]! : 0;
  }
}
