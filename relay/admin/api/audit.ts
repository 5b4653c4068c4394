/** The audit trail as JSON: page by page, and as a file. */
import { Hono } from "hono";
import {
  AuditCursorError,
  type AuditEntry,
  type AuditPage,
  type AuditQuery,
  type AuditTrail,
} from "../../storage/audit-trail.ts";
import type { AdminEnv } from "../ports.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, bad, parseLimit } from "./query.ts";
import { queryOf } from "../auth/forms.ts";

const PAGE = 500;

/** A page of the trail. Rejects with a RefusalError (400) for a cursor that is none. */
export async function listAudit(audit: AuditTrail, query: AuditQuery): Promise<AuditPage> {
  try {
    return await audit.list(query);
  } catch (error) {
    throw error instanceof AuditCursorError ? bad(error.message) : error;
  }
}

/** Routes below /api/v1/audit. */
export function createAuditApi(audit: AuditTrail): Hono<AdminEnv> {
  const api = new Hono<AdminEnv>();

  api.get("/", async (c) => {
    const read = queryOf(c);
    const [before, subject] = [read("cursor"), read("subject")];
    const { entries, cursor } = await listAudit(audit, {
      limit: parseLimit(read("limit"), DEFAULT_LIMIT, MAX_LIMIT),
      ...(before === undefined ? {} : { before }),
      ...(subject === undefined ? {} : { subject }),
    });
    return c.json({ entries: entries.map(auditJson), cursor });
  });

  api.get("/export", (c) => {
    return c.body(exported(audit), 200, {
      "Content-Type": "application/x-ndjson",
      "Content-Disposition": 'attachment; filename="audit.jsonl"',
    });
  });

  return api;
}

function auditJson({ at, ...entry }: AuditEntry): Readonly<Record<string, unknown>> {
  return { ...entry, at: new Date(at).toISOString() };
}

/** Every entry, newest first, a line each; reads on as the client takes it. */
function exported(audit: AuditTrail): ReadableStream<Uint8Array> {
  let before: string | null = null;
  return new ReadableStream({
    async pull(controller) {
      const { entries, cursor } = await audit.list({ limit: PAGE, ...(before === null ? {} : { before }) });
      controller.enqueue(
        new TextEncoder().encode(entries.map((entry) => `${JSON.stringify(auditJson(entry))}\n`).join("")),
      );
      before = cursor;
      if (cursor === null) controller.close();
    },
  });
}
