import { appendFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FilesAuditTrail } from "../../../../relay/storage/files/audit-trail.ts";
import { unguarded } from "../../../../relay/storage/files/small-files.ts";
import { auditContract, auditNote } from "../../../helpers/audit-contract.ts";

async function opened() {
  const folder = await mkdtemp(join(tmpdir(), "audit-"));
  const trails = [new FilesAuditTrail(folder, unguarded)];
  return {
    folder,
    trail: trails[0] as FilesAuditTrail,
    async reopen() {
      const next = new FilesAuditTrail(folder, unguarded);
      trails.push(next);
      return next;
    },
    async close() {
      for (const trail of trails) await trail.close();
      await rm(folder, { recursive: true });
    },
  };
}

describe("files", () => {
  auditContract(opened);

  test("a line that a crash cut is skipped, and what is noted after it is not lost with it", async () => {
    const { folder, trail, reopen, close } = await opened();
    await trail.note(auditNote({ person: "alice" }));
    const [name = ""] = await readdir(folder);
    await appendFile(join(folder, name), '{"id":"2026-01-01-cut","at":1,"pers');
    const next = await reopen();
    await next.note(auditNote({ person: "bob" }));
    const { entries } = await next.list({ limit: 10 });
    expect(entries.map(({ person }) => person)).toEqual(["bob", "alice"]);
    await close();
  });

  test("pages go over the end of a day, and an answer finds its entry there", async () => {
    const { trail, close } = await opened();
    const midnight = Date.UTC(2026, 0, 31);
    const before = await trail.note(auditNote({ at: midnight - 1, details: "old" }));
    await trail.note(auditNote({ at: midnight, details: "new" }));
    await trail.answered(before, 503);
    const first = await trail.list({ limit: 1 });
    const second = await trail.list({ limit: 1, before: first.cursor as string });
    expect([first.entries[0]?.details, second.entries[0]?.details]).toEqual(["new", "old"]);
    expect([second.entries[0]?.status, second.cursor]).toEqual([503, null]);
    await close();
  });
});
