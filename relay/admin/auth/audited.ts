/**
 * Writes a change to the audit trail before it is made, and its answer afterwards. If that cannot be written, the change is not made:
 * what cannot be put down to someone does not happen.
 */
import { cutMasked } from "../../../lib/cut.ts";
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import { jsonOrNull, object } from "../../../lib/json.ts";
import type { AdminContext, AdminDeps } from "../ports.ts";
import type { Person } from "./roles.ts";

/** Characters of a request's fields that are kept. */
const MAX_DETAILS = 2000;

interface Asked {
  readonly route: string;
  readonly person: Person;
  readonly client: string;
}

type AuditedDeps = Pick<AdminDeps, "audit" | "clock" | "log"> & {
  readonly mask: (text: string) => string;
  readonly next: () => Promise<void>;
};

export async function auditedChange(c: AdminContext, asked: Asked, deps: AuditedDeps): Promise<void> {
  const { route, person, client } = asked;
  const subject = subjectOf(route, c.req.path);
  const id = await deps.audit.note({
    at: deps.clock.now(),
    person: person.name,
    role: person.role,
    via: person.via,
    client,
    action: route,
    subject,
    details: cutMasked(await fieldsOf(c), MAX_DETAILS, deps.mask),
  });
  deps.log.info("admin.change", { person: person.name, via: person.via, client, action: route, subject });
  await deps.next();
  // The change has been made: that its answer cannot be written down does not undo it.
  await deps.audit.answered(id, c.res.status).catch((error: unknown) => {
    if (!(error instanceof UpstreamError)) throw error;
    deps.log.warn("admin.audit-failed", { id, error: messageOf(error) });
  });
}

/** What stands in the path where the route has a parameter: middleware sees no parameters of the route behind it. */
function subjectOf(route: string, path: string): string | null {
  const [, pattern = ""] = route.split(" ");
  const at = pattern.split("/").findIndex((part) => part.startsWith(":"));
  return at < 0 ? null : (path.split("/")[at] ?? null);
}

/** The fields of the request as JSON, without the CSRF token. What is no JSON object, its handler refuses. */
async function fieldsOf(c: AdminContext): Promise<string> {
  const query = c.req.query();
  const isForm = (c.req.header("content-type") ?? "").includes("form");
  const { _csrf, ...body } = isForm ? await c.req.parseBody() : object(jsonOrNull(await c.req.text()));
  const fields = { ...query, ...body };
  return Object.keys(fields).length === 0 ? "" : JSON.stringify(fields);
}
