/** What every audit trail does, whatever it is kept in. */
import { afterEach, expect, test } from "vitest";
import type { AuditNote, AuditTrail } from "../../relay/storage/audit-trail.ts";

export interface OpenedTrail {
  readonly trail: AuditTrail;
  /** The same storage, as another process sees it. */
  reopen(): Promise<AuditTrail>;
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
}
