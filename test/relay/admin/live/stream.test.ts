import { afterEach, describe, expect, test } from "vitest";
import { createAdminFixture, memorySessions, type AdminFixture } from "../../../helpers/admin.ts";

interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads server-sent events one by one while the fake clock moves on. */
class Reader {
  readonly #fixture: AdminFixture;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";
  comments = 0;

  constructor(f: AdminFixture, response: Response) {
    this.#fixture = f;
    this.#reader = response.body!.getReader();
  }

  /** The next message; null where the stream ended. */
  async next(): Promise<Message | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]));
        if (fields.has("event"))
          return {
            id: fields.get("id")!,
            event: fields.get("event")!,
            data: JSON.parse(fields.get("data")!) as Record<string, unknown>,
          };
        if (block.startsWith(":")) this.comments += 1;
        continue;
      }
      const reading = this.#reader.read();
      await this.#fixture.clock.advance(100);
      const { done, value } = await reading;
      if (done) return null;
      this.#text += Buffer.from(value).toString("utf8");
    }
  }

  async close(): Promise<void> {
    const closing = this.#reader.cancel();
    await this.#fixture.clock.advance(1000);
    await closing;
  }
}

let open: AdminFixture[] = [];
afterEach(() => {
  for (const one of open) one.close();
  open = [];
});
function fixture(): AdminFixture {
  const made = createAdminFixture();
  open.push(made);
  return made;
}
async function stream(f: AdminFixture, query = "", headers: Record<string, string> = {}): Promise<Reader> {
  return new Reader(f, await f.api(`/api/v1/stream${query}`, { headers }));
}

describe("GET stream", () => {
  test("tells what happens to an event, in order, each with an id", async () => {
    const f = fixture();
    const response = await f.api("/api/v1/stream");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = new Reader(f, response);
    expect((await reader.next())?.event).toBe("hello");
    const id = await f.add({}, "{}", ["ci-bot"]);
    await f.settle("ci-bot", "retry");
    await f.queue.replay(id, null);
    await f.queue.remove(id);
    const seen: Message[] = [];
    for (let count = 0; count < 5; count += 1) seen.push((await reader.next())!);
    expect(seen.map((message) => message.event)).toEqual([
      "stored",
      "routed",
      "settled",
      "replayed",
      "removed",
    ]);
    expect(seen[0]!.data).toMatchObject({
      event: { id, kind: "push", summary: "ada pushed to main of acme/web" },
    });
    expect(seen[0]!.data["event"]).not.toHaveProperty("headers");
    expect(seen[2]!.data).toMatchObject({
      delivery: { target: "ci-bot", state: "waiting" },
      attempt: { status: 503 },
    });
    expect(new Set(seen.map((message) => message.id)).size).toBe(5);
    await reader.close();
  });

  test("goes on where a reader left off, across midnight, without gap and without repetition", async () => {
    const f = fixture();
    f.clock.setNow(Date.UTC(2026, 0, 31, 23, 59, 59));
    const first = await stream(f);
    await first.next();
    await f.add({ actor: "before" });
    const stored = (await first.next())!;
    await first.close();
    await f.clock.advance(5000);
    await f.add({ actor: "after" });
    const second = await stream(f, "", { "Last-Event-ID": stored.id });
    expect((await second.next())?.id).toBe(stored.id);
    const rest = [await second.next(), await second.next(), await second.next()];
    expect(rest.map((m) => [m!.event, (m!.data["event"] as { actor: string }).actor])).toEqual([
      ["routed", "before"],
      ["stored", "after"],
      ["routed", "after"],
    ]);
    await second.close();
  });

  test("resumes from the greeting's id where nothing had happened yet", async () => {
    const f = fixture();
    const first = await stream(f);
    const hello = (await first.next())!;
    await first.close();
    await f.add();
    const second = await stream(f, `?lastEventId=${hello.id}`);
    expect((await second.next())?.event).toBe("hello");
    expect((await second.next())?.event).toBe("stored");
    await second.close();
  });

  test("says that there is a gap to a reader that lags behind, and goes on with what it still has", async () => {
    const f = fixture();
    const reader = await stream(f);
    await reader.next();
    for (let count = 0; count < 1500; count += 1) await f.add();
    const gap = (await reader.next())!;
    expect(gap).toMatchObject({ event: "gap", data: { reason: "lagging", missed: 952 } });
    let messages = 1;
    let last = await reader.next();
    while (last !== null && messages < 2048) {
      messages += 1;
      last = await reader.next();
    }
    expect(last).toMatchObject({ event: "routed", data: { event: { id: "1500".padStart(26, "0") } } });
    await reader.close();
  });

  test("keeps nothing for a reader that stayed away too long, and tells how much it missed", async () => {
    const f = fixture();
    const first = await stream(f);
    const hello = (await first.next())!;
    await first.close();
    await f.clock.advance(599_000);
    await f.add();
    await f.clock.advance(2000);
    await f.add();
    await f.add();
    const second = await stream(f, "", { "Last-Event-ID": hello.id });
    await second.next();
    await f.add({ actor: "watched" });
    expect(await second.next()).toMatchObject({ event: "gap", data: { reason: "lagging", missed: 6 } });
    expect(await second.next()).toMatchObject({ event: "stored", data: { event: { actor: "watched" } } });
    await second.close();
  });

  test.each(["0123456789ab-5", "nonsense", "0123456789ab-99999999999999999999"])(
    "says that there is a gap to a reader from another run (%s)",
    async (lastId) => {
      const f = fixture();
      const reader = await stream(f, "", { "Last-Event-ID": lastId });
      expect((await reader.next())?.event).toBe("hello");
      expect(await reader.next()).toMatchObject({
        event: "gap",
        data: { reason: "restarted", missed: null },
      });
      await reader.close();
    },
  );

  test("sends only what fits the filter", async () => {
    const f = fixture();
    const reader = await stream(f, "?kind=note");
    await reader.next();
    for (let count = 0; count < 300; count += 1) await f.add();
    await f.add({ kind: "note" });
    expect(await reader.next()).toMatchObject({ event: "stored", data: { event: { kind: "note" } } });
    await reader.close();
  });

  test("sends a sign of life when nothing happens, and ends when the relay stops", async () => {
    const f = fixture();
    const reader = await stream(f);
    await reader.next();
    const waiting = reader.next();
    await f.clock.advance(16_000);
    await f.clock.advance(16_000);
    f.admin.close();
    await f.clock.advance(200);
    expect(await waiting).toBeNull();
    expect(reader.comments).toBeGreaterThanOrEqual(1);
    expect(f.clock.pendingTimers).toBe(0);
  });

  test("refuses the hundred and first reader and has room again when one leaves", async () => {
    const f = fixture();
    const readers = [];
    for (let count = 0; count < 100; count += 1) readers.push(await stream(f));
    expect((await f.api("/api/v1/stream")).status).toBe(503);
    await readers[0]!.next();
    await readers[0]!.close();
    expect((await f.api("/api/v1/stream")).status).toBe(200);
  });
});

describe("a stream ends at once", () => {
  const login = async (f: AdminFixture): Promise<string> => {
    const response = await f.raw("/login", {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: `token=${f.config.admin.token}`,
    });
    return response.headers.get("set-cookie")!.split(";")[0]!;
  };
  const open_ = async (f: AdminFixture, headers: Record<string, string>): Promise<Reader> => {
    const reader = new Reader(f, await f.raw("/api/v1/stream", { headers }));
    expect((await reader.next())?.event).toBe("hello");
    return reader;
  };

  test("when its session is logged out, here or on another relay; a bearer's goes on", async () => {
    const sessions = memorySessions();
    const f = createAdminFixture({ sessions });
    open.push(f);
    for (const elsewhere of [false, true]) {
      const cookie = await login(f);
      const reader = await open_(f, { Cookie: cookie });
      const bearer = await open_(f, { Authorization: `Bearer ${f.config.admin.token}` });
      if (elsewhere) await sessions.epoch("session-epoch").advance();
      else {
        const page = await (await f.raw("/targets", { headers: { Cookie: cookie } })).text();
        const csrf = /name="_csrf" value="([^"]+)"/.exec(page)![1]!;
        const form = { Cookie: cookie, "X-CSRF-Token": csrf };
        expect((await f.raw("/logout", { method: "POST", headers: form })).status).toBe(303);
      }
      const ended = reader.next();
      await f.clock.advance(2000);
      expect(await ended).toBeNull();
      await f.add({});
      expect((await bearer.next())?.event).toBe("stored");
      await bearer.close();
    }
  });

  test("when the admin token is another one", async () => {
    const f = fixture();
    const readers = [
      await open_(f, { Cookie: await login(f) }),
      await open_(f, { Authorization: `Bearer ${f.config.admin.token}` }),
    ];
    f.config = { ...f.config, admin: { ...f.config.admin, token: "another-admin-token" } };
    f.admin.recheck();
    for (const reader of readers) expect(await reader.next()).toBeNull();
  });
});
