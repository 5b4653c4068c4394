/** Webhooks of every shape: recorded payloads with any field at any depth dropped, nulled, retyped or renamed, and headers likewise. */
import { readdirSync, readFileSync } from "node:fs";
import { EVENTS } from "../../lib/events.ts";
import { fc } from "../helpers/properties.ts";

export interface Webhook {
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON text. */
  readonly body: string;
}

const fixtures = new URL("../fixtures/", import.meta.url);

/** Recorded payloads by name. */
export const RECORDED: readonly (readonly [name: string, payload: object])[] = readdirSync(fixtures)
  .filter((file) => file.endsWith(".json"))
  .map((file) => [
    file.replace(/\.json$/, ""),
    JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as object,
  ]);

/** Names that every object has, and names that mean something to the relay. */
export const ODD_NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "valueOf",
  "toString",
  "hasOwnProperty",
  "toJSON",
  "then",
  "length",
  "",
  "a".repeat(300),
  "\u202Eevil\u0000<script>alert(1)</script>",
  "push",
  "refs/heads/",
  "../../etc/passwd",
  "{{ event.id }}",
] as const;

const odd = fc.constantFrom(...ODD_NAMES);

/** What takes the place of a value. */
const replacement: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    2 ** 53,
    1e308,
    [],
    {},
    [[]],
    [null],
    "0".repeat(40),
  ),
  odd,
  fc.string({ maxLength: 20, unit: "binary" }),
  fc.array(odd, { maxLength: 3 }),
  odd.map((name) => record([[name, record([[name, 1]])]])),
  fc.constant(null).map(() => nested(200)),
);

type Change =
  | { readonly how: "drop" | "null" }
  | { readonly how: "retype"; readonly to: unknown }
  | { readonly how: "rename"; readonly to: string };

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>({ how: "drop" }, { how: "null" }),
  replacement.map((to): Change => ({ how: "retype", to })),
  odd.map((to): Change => ({ how: "rename", to })),
);

/** A change of one place, which is told by a number: places are counted anew after each change. */
const changes = fc.array(fc.tuple(fc.nat(), change), { maxLength: 6 });

const HEADERS = [
  ...new Set(EVENTS.map(({ header }) => header)),
  "Quantum Hook",
  ...ODD_NAMES.filter(isHeaderValue),
];

const headers: fc.Arbitrary<Readonly<Record<string, string>>> = fc
  .record(
    {
      "x-gitlab-event": fc.constantFrom(...HEADERS),
      "x-gitlab-instance": fc.constantFrom(
        "https://gitlab.acme.dev",
        "https://acme.dev/gitlab",
        "nonsense",
        "__proto__",
      ),
      "x-gitlab-event-uuid": fc.uuid(),
      "x-gitlab-webhook-uuid": fc.uuid(),
      "idempotency-key": fc.oneof(fc.uuid(), fc.constantFrom(...ODD_NAMES.filter(isHeaderValue))),
      "webhook-id": fc.uuid(),
      "user-agent": fc.constantFrom("GitLab/19.0.0", "GitLab/17.11.2-ee", "curl/8"),
      "x-relay-recovered": fc.constant("replay"),
    },
    { requiredKeys: [] },
  )
  .map((given) => given as Record<string, string>);

function isHeaderValue(text: string): boolean {
  return text !== "" && /^[\x21-\x7e]+$/.test(text);
}

/** Mostly with the header of some kind, and now and then with none or an odd one. */
export const webhook: fc.Arbitrary<Webhook> = fc
  .tuple(fc.constantFrom(...RECORDED), changes, headers)
  .map(([[, payload], made, sent]) => {
    let body: unknown = payload;
    for (const [place, one] of made) body = changed(body, place, one);
    return { headers: sent, body: JSON.stringify(body) };
  });

/** An object with these fields, `__proto__` among them. */
function record(fields: readonly (readonly [string, unknown])[]): object {
  const made = {};
  for (const [name, value] of fields)
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
  return made;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { inner: value };
  return value;
}

function placesIn(value: unknown): number {
  return typeof value === "object" && value !== null
    ? Object.values(value).reduce<number>((sum, inner) => sum + 1 + placesIn(inner), 0)
    : 0;
}

/** The value with a change in one of its places. */
function changed(value: unknown, number: number, made: Change): unknown {
  const places = placesIn(value);
  return places === 0 ? value : walk(value, number % places, made);
}

/** @param place counts down, depth first */
function walk(value: unknown, place: number, made: Change): unknown {
  let left = place;
  const fields: (readonly [string, unknown])[] = [];
  for (const [name, inner] of Object.entries(value as object)) {
    const size = 1 + placesIn(inner);
    if (left === 0) fields.push(...fieldAfter(name, inner, made));
    else if (left > 0 && left < size) fields.push([name, walk(inner, left - 1, made)]);
    else fields.push([name, inner]);
    left -= size;
  }
  return Array.isArray(value) ? fields.map(([, inner]) => inner) : record(fields);
}

function fieldAfter(name: string, inner: unknown, made: Change): (readonly [string, unknown])[] {
  switch (made.how) {
    case "drop":
      return [];
    case "null":
      return [[name, null]];
    case "retype":
      return [[name, made.to]];
    case "rename":
      return [[made.to, inner]];
    default:
      return made satisfies never;
  }
}
