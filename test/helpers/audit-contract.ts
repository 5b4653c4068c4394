/** What every audit trail does, whatever it is kept in. */
import { afterEach, expect, test } from "vitest";
import type { AuditEntry, AuditNote, WholeAuditTrail } from "../../relay/storage/audit-trail.ts";

export interface OpenedTrail {
  readonly trail: WholeAuditTrail;
  /** The same storage, as another process sees it. */
  reopen(): Promise<WholeAuditTrail>;
  close(): Promise<void>;
}

export function auditNote(changes: Partial<AuditNote> = {}): AuditNote {
  return {
    at: Date.now(),
    person: "alice",
    role: "operator",
    via: "oidc",
    client: "127.0.0.1",
    action: "POST /events/:id/replay",
    subject: "an-event",
    details: "",
    ...changes,
  };
}

export function auditContract(open: () => Promise<OpenedTrail>): void {
  const opened: OpenedTrail[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });
  const fresh = async (): Promise<OpenedTrail> => {
    const made = await open();
    opened.push(made);
    return made;
  };

  test("list() gives what was noted and how it was answered, newest first, over a restart", async () => {
    const { trail, reopen } = await fresh();
    const first = await trail.note(auditNote({ person: "alice" }));
    const second = await trail.note(auditNote({ person: "bob" }));
    await trail.answered(first, 200);
    const { entries, cursor } = await (await reopen()).list({ limit: 10 });
    expect(entries.map(({ id, person, status }) => [id, person, status])).toEqual([
      [second, "bob", null],
      [first, "alice", 200],
    ]);
    expect(cursor).toBeNull();
  });

  test("list() pages through everything once, also of one subject", async () => {
    const { trail } = await fresh();
    for (let n = 0; n < 25; n += 1)
      await trail.note(auditNote({ subject: n % 5 === 0 ? "x" : "y", details: String(n) }));
    const all = async (subject?: string): Promise<string[]> => {
      const found: string[] = [];
      let before: string | null = null;
      do {
        const page = await trail.list({
          limit: 4,
          ...(before === null ? {} : { before }),
          ...(subject === undefined ? {} : { subject }),
        });
        found.push(...page.entries.map(({ details }) => details));
        before = page.cursor;
      } while (before !== null);
      return found;
    };
    expect(await all()).toEqual(Array.from({ length: 25 }, (_, n) => String(24 - n)));
    expect(await all("x")).toEqual(["20", "15", "10", "5", "0"]);
  });

  test("list() refuses a place that no page gave", async () => {
    const { trail } = await fresh();
    await trail.note(auditNote());
    for (const before of ["bad", "", "2026-01-31", "(1-1", "9".repeat(400)])
      await expect(trail.list({ limit: 4, before })).rejects.toMatchObject({ code: "audit-cursor" });
  });

  test("what is noted at once is all there", async () => {
    const { trail } = await fresh();
    await Promise.all(Array.from({ length: 50 }, () => trail.note(auditNote())));
    expect((await trail.list({ limit: 100 })).entries).toHaveLength(50);
  });

  test("expire() forgets what is older, and nothing else", async () => {
    const { trail } = await fresh();
    const id = await trail.note(auditNote());
    await trail.answered(id, 200);
    await trail.expire(Date.now() - 86_400_000);
    expect((await trail.list({ limit: 10 })).entries).toHaveLength(1);
    await trail.expire(Date.now() + 3 * 86_400_000);
    expect((await trail.list({ limit: 10 })).entries).toEqual([]);
  });

  test("replaceAll() takes over what all() of another trail gives, in its order, and nothing else is left", async () => {
    const { trail: source } = await fresh();
    const { trail, reopen } = await fresh();
    const at = Date.now();
    const days = [at - 172_800_000, at - 172_800_000, at - 86_400_000, at];
    for (const [index, time] of days.entries()) {
      const id = await source.note(auditNote({ at: time, person: `person-${index}` }));
      if (index % 2 === 0) await source.answered(id, 200 + index);
    }
    await trail.note(auditNote({ person: "there before" }));
    const entries: AuditEntry[] = [];
    for await (const entry of source.all()) entries.push(entry);
    const again = async function* (): AsyncGenerator<AuditEntry> {
      yield* entries;
    };
    await trail.replaceAll(again());
    await trail.replaceAll(again());
    const { entries: kept } = await (await reopen()).list({ limit: 10 });
    const plain = (list: readonly AuditEntry[]): object[] => list.map(({ id: _id, ...rest }) => rest);
    expect(plain(kept)).toEqual(plain(entries).toReversed());
    expect(kept.map(({ person, status }) => [person, status])).toEqual([
      ["person-3", null],
      ["person-2", 202],
      ["person-1", null],
      ["person-0", 200],
    ]);
  });
}
