/**
 * What went over the wire in an attempt, as it is kept with its delivery: what was sent, and the headers that came back. Bounded, and
 * without secrets from the start: what is masked here is written nowhere. Pure.
 *
 * Headers are kept as HTTP writes them, a line each, since a text costs the worker a fraction of what a list does. A line without a
 * value stands for a header that the event itself has.
 */
import { MASK } from "../../lib/log.ts";
import type { EventMeta } from "../event/event.ts";

/** Bytes of header lines kept of each side of an exchange; what is beyond is counted. */
export const EXCHANGE_BYTES = 1024;
/** Attempts of a delivery whose exchanges are kept: the newest. */
export const EXCHANGES_KEPT = 3;
/** Characters of one value that are kept. */
const LONGEST_VALUE = 256;
const LONGEST_URL = 512;

export interface KeptHeaders {
  /** Lines of `name: value`, names in lower case; a request has lines of a name alone as well. */
  readonly headers: string;
  /** Headers that did not fit. */
  readonly omitted: number;
}

export interface Exchange {
  readonly request: KeptHeaders & {
    readonly method: string;
    /** Without query and user info. */
    readonly url: string;
  };
  /** Null: no answer came. */
  readonly answer: KeptHeaders | null;
}

/** A request as it goes out. */
export interface SentRequest {
  readonly method: string;
  /** Fit to be shown. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names of headers that come from the settings: their values are not kept. */
  readonly hidden: ReadonlySet<string>;
}

/** Names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers that carry credentials whatever they are called in the settings. */
const SECRET: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "authentication-info",
  "cookie",
  "set-cookie",
  "set-cookie2",
  "webhook-signature",
  "x-gitlab-token",
  "x-api-key",
  "x-auth-token",
]);

/** Beside the address of a redirect there may be a query that opens something. */
const ADDRESSES: ReadonlySet<string> = new Set(["location", "content-location", "refresh", "link"]);

/** @param answer null: none came */
export function exchangeOf(
  sent: SentRequest,
  answer: AnswerHeaders | null,
  meta: Pick<EventMeta, "headers">,
): Exchange {
  return {
    request: { method: sent.method, url: sent.url.slice(0, LONGEST_URL), ...keptRequest(sent, meta) },
    answer: answer === null ? null : keptAnswer(answer, sentSecrets(sent)),
  };
}

/** Shorter values would tear ordinary words apart. */
const SHORTEST_MASKED = 8;

/** Values of the settings that went along, whole and without a scheme such as `Bearer`, the longest first: a target may send them back. */
export function sentSecrets({ headers, hidden }: SentRequest): string[] {
  const values: string[] = [];
  for (const name of hidden) {
    const value = headers[name];
    if (value === undefined) continue;
    values.push(value, value.slice(value.lastIndexOf(" ") + 1));
  }
  if (values.length === 0) return values;
  const long = values.filter((value) => value.length >= SHORTEST_MASKED);
  return long.toSorted((a, b) => b.length - a.length);
}

function keptRequest({ headers, hidden }: SentRequest, meta: Pick<EventMeta, "headers">): KeptHeaders {
  const received = new Received(meta);
  const lines = new Lines();
  for (const name in headers) {
    const value = headers[name]!;
    if (hidden.has(name) || SECRET.has(name)) lines.add(name, MASK);
    else lines.add(name, received.find(name) === value ? null : value);
  }
  return lines.result();
}

/** An event's headers by name. They go out in the order in which they came: each is looked for behind the one before. */
class Received {
  readonly #headers: EventMeta["headers"];
  #next = 0;

  constructor({ headers }: Pick<EventMeta, "headers">) {
    this.#headers = headers;
  }

  find(name: string): string | undefined {
    const received = this.#headers;
    const { length } = received;
    for (let passed = 0; passed < length; passed++) {
      const at = (this.#next + passed) % length;
      if (received[at]![0] !== name) continue;
      this.#next = at + 1;
      return received[at]![1];
    }
    return undefined;
  }
}

function keptAnswer(headers: AnswerHeaders, secrets: readonly string[]): KeptHeaders {
  const lines = new Lines();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    const text = typeof value === "string" ? value : value.join(", ");
    const isSecret = SECRET.has(name) || holdsOneOf(secrets, text);
    lines.add(name, isSecret ? MASK : shown(name, text));
  }
  return lines.result();
}

/** A loop: a function for each header of each answer would be made for nothing, as most targets have no secrets. */
function holdsOneOf(secrets: readonly string[], text: string): boolean {
  for (const secret of secrets) if (text.includes(secret)) return true;
  return false;
}

function shown(name: string, value: string): string {
  if (!ADDRESSES.has(name)) return value;
  const query = value.search(/[?#]/);
  const plain = query < 0 ? value : `${value.slice(0, query)}?${MASK}`;
  return plain.replace(/^([a-z][a-z0-9+.-]{0,20}:\/\/)[^/@]{0,300}@/i, `$1${MASK}@`);
}

/** Takes headers as long as they fit. Neither name nor value has a line end: HTTP knows none. */
class Lines {
  #text = "";
  #omitted = 0;

  /** @param value null: the event's own */
  add(name: string, value: string | null): void {
    const line = value === null ? name : `${name}: ${cutValue(value)}`;
    if (this.#text === "") this.#text = line;
    else if (this.#text.length + line.length < EXCHANGE_BYTES) this.#text += `\n${line}`;
    else this.#omitted++;
  }

  result(): KeptHeaders {
    // Only what is not ASCII has more bytes than characters.
    while (Buffer.byteLength(this.#text, "utf8") > EXCHANGE_BYTES) {
      this.#text = this.#text.slice(0, Math.max(0, this.#text.lastIndexOf("\n")));
      this.#omitted++;
    }
    return { headers: this.#text, omitted: this.#omitted };
  }
}

function cutValue(value: string): string {
  return value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value;
}

export type ShownHeader = readonly [name: string, value: string];

/** The request's headers with the values that the event has. */
export function sentHeaders({ request }: Exchange, meta: Pick<EventMeta, "headers">): ShownHeader[] {
  const received = new Map(meta.headers);
  return headersOf(request, (name) => received.get(name) ?? "");
}

export function answerHeaders(answer: KeptHeaders): ShownHeader[] {
  return headersOf(answer, () => "");
}

function headersOf({ headers }: KeptHeaders, ownValue: (name: string) => string): ShownHeader[] {
  if (headers === "") return [];
  return headers.split("\n").map((line) => {
    const end = line.indexOf(": ");
    return end < 0 ? [line, ownValue(line)] : [line.slice(0, end), line.slice(end + 2)];
  });
}
