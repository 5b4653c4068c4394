import { afterEach, describe, expect, test } from "vitest";
import { createFeed } from "../../../../relay/admin/live/feed.ts";
import { followEvents, type FollowOptions } from "../../../../relay/admin/live/follow.ts";
import { createAdminFixture, type AdminFixture, type AdminOptions } from "../../../helpers/admin.ts";

interface Followed {
  readonly id: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Reads lines while the fake clock moves on. */
class Reader {
  readonly #fixture: AdminFixture;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  heartbeats = 0;

  constructor(f: AdminFixture, { body }: Response) {
    this.#fixture = f;
    this.#reader = body!.getReader();
  }

  /** The next event; null: it has ended. */
  async next(): Promise<Followed | null> {
    for (;;) {
      const reading = this.#reader.read();
      const state = { isRead: false };
      void reading.then(() => (state.isRead = true));
      while (!state.isRead) await this.#fixture.clock.advance(500);
      const { done, value } = await reading;
      if (done) return null;
      const line = Buffer.from(value).toString("utf8").trim();
      if (line !== "") return JSON.parse(line) as Followed;
      this.heartbeats += 1;
    }
  }

  async ids(count: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) ids.push((await this.next())?.id ?? "the end");
    return ids;
  }

  async close(): Promise<void> {
    const closing = this.#reader.cancel();
    await this.#fixture.clock.advance(1000);
    await closing;
  }
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function fixture(options: AdminOptions = {}): AdminFixture {
  const made = createAdminFixture(options);
  closing.push(() => made.close());
  return made;
}

async function follow(f: AdminFixture, query = ""): Promise<Reader> {
  const reader = new Reader(f, await f.api(`/api/v1/events/follow${query}`));
  closing.push(() => reader.close());
  return reader;
}

/** The events of a fixture without the API around them. */
function followed(f: AdminFixture, changes: Partial<FollowOptions> & Pick<FollowOptions, "feed">): Reader {
  const lines = followEvents({
    queue: f.queue,
    clock: f.clock,
    filter: {},
    after: null,
    isShared: false,
    grant: { holds: () => true, onChange: () => () => {} },
    lineOf: async ({ id }) => JSON.stringify({ id }),
    onEnd: () => {},
    ...changes,
  });
  const reader = new Reader(f, new Response(lines));
  closing.push(() => reader.close());
  return reader;
}

async function addSome(f: AdminFixture, count: number, kind = "push"): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    ids.push(await f.add({ kind }));
    await f.clock.advance(1000);
  }
  return ids;
}

describe("GET events/follow", () => {
  test("tells what is stored, oldest first, then what comes, each once, and that it is still there", async () => {
    const f = fixture();
    const stored = await addSome(f, 230);
    const reader = await follow(f);
    expect(await reader.ids(150)).toEqual(stored.slice(0, 150));
    // Stored while the list is read.
    const during = await addSome(f, 3);
    expect(await reader.ids(83)).toEqual([...stored.slice(150), ...during]);
    await f.clock.advance(60_000);
    const later = await addSome(f, 2);
    expect(await reader.ids(2)).toEqual(later);
    expect(reader.heartbeats).toBeGreaterThan(0);
  });

  test("begins behind `after`, and leaves out what does not fit", async () => {
    const f = fixture();
    const [first = ""] = await addSome(f, 2);
    const [issue] = await addSome(f, 1, "issue");
    const reader = await follow(f, `?after=${first}&kind=issue`);
    expect(await reader.ids(1)).toEqual([issue]);
    await addSome(f, 2);
    const [next] = await addSome(f, 1, "issue");
    expect(await reader.ids(1)).toEqual([next]);
  });

  test("with bodies a line has what a target would get", async () => {
    const f = fixture();
    const headers: [string, string][] = [
      ["x-gitlab-event", "Push Hook"],
      ["x-gitlab-token", "the-secret"],
    ];
    const id = await f.add({ headers }, '{"odd":"\u00e9"}');
    const event = await (await follow(f, "?bodies=1")).next();
    expect(event?.headers).toMatchObject({ "x-gitlab-event": "Push Hook", "x-relay-event-id": id });
    expect(event?.headers).not.toHaveProperty("x-gitlab-token");
    expect(Buffer.from(event?.body ?? "", "base64").toString("utf8")).toBe('{"odd":"\u00e9"}');
    expect(await (await follow(f)).next()).not.toHaveProperty("body");
  });

  test("tells what another relay of the same Redis stored, late ones included", async () => {
    const f = fixture();
    const [first = ""] = await addSome(f, 1);
    const late = new Set<string>();
    const reader = followed(f, {
      queue: {
        async list(...asked) {
          const page = await f.queue.list(...asked);
          return { ...page, events: page.events.filter(({ meta }) => !late.has(meta.id)) };
        },
      },
      // It tells nothing, as if another relay had stored everything.
      feed: createFeed({ onEvent: () => () => {} }, f.clock),
      after: first,
      isShared: true,
    });
    const [hidden = "", ...shown] = await addSome(f, 3);
    late.add(hidden);
    expect(await reader.ids(2)).toEqual(shown);
    late.clear();
    expect(await reader.ids(1)).toEqual([hidden]);
    const next = await addSome(f, 2);
    expect(await reader.ids(2)).toEqual(next);
  });

  test("a reader that fell behind what the feed keeps gets what it missed from the list", async () => {
    const f = fixture();
    const feed = createFeed(f.queue, f.clock, 8);
    const reader = followed(f, { feed });
    const [first] = await addSome(f, 1);
    expect(await reader.ids(1)).toEqual([first]);
    const many = await addSome(f, 30);
    expect(await reader.ids(30)).toEqual(many);
  });

  test("wrong parameters are refused; it ends with the relay", async () => {
    const f = fixture();
    for (const query of ["?after=x", "?state=dead", "?to=2026-01-01", "?kinds=push"])
      expect((await f.api(`/api/v1/events/follow${query}`)).status).toBe(400);
    const reader = await follow(f);
    f.admin.close();
    expect(await reader.next()).toBeNull();
  });
});
