/**
 * Who may use the operator's side, and for what: a person who sends the admin token as a bearer token, has signed in, or is signed in by
 * a listed proxy; then the route's permission decides. Neither addresses nor headers that anybody can write decide.
 *
 * A change made without a bearer token must carry a CSRF token. The right admin token is never refused for the failures of others.
 * Every change is written to the audit trail before it is made.
 */
import type { MiddlewareHandler } from "hono";
import { RefusalError, refuse, type Refusal } from "../api/answer.ts";
import { matchedRoute } from "../matched-route.ts";
import type { AdminContext, AdminDeps, AdminEnv, Identity } from "../ports.ts";
import { auditedChange } from "./audited.ts";
import { TOKEN_PLACE, unauthorized, type Identities } from "./identity.ts";
import { permissionFor } from "./policy.ts";
import { isPermitted, leastRole } from "./roles.ts";
import { sameText } from "./session.ts";

export class Access {
  readonly #deps: AdminDeps;
  readonly #identities: Identities;
  readonly #mask: (text: string) => string;

  /** @param mask hides secrets in what is written to the audit trail */
  constructor(deps: AdminDeps, identities: Identities, mask: (text: string) => string) {
    this.#deps = deps;
    this.#mask = mask;
    this.#identities = identities;
  }

  /** For the API: JSON refusals. */
  readonly api: MiddlewareHandler<AdminEnv> = async (c, next) => {
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    const found = await this.#identities.of(c);
    if (found === null)
      return refuse(
        c,
        unauthorized(`send the admin token as "Authorization: Bearer <token>". ${TOKEN_PLACE}`),
      );
    if ("status" in found) return refuse(c, found);
    const refusal = this.#admit(c, found) ?? csrfRefusal(c, found.csrf, c.req.header("x-csrf-token"));
    if (refusal !== null) return refuse(c, refusal);
    await next();
    return undefined;
  };

  /** For the API, after `api` and what bounds the body: writes changes to the audit trail. */
  readonly audited: MiddlewareHandler<AdminEnv> = (c, next) => this.#audited(c, next);

  /** For pages: sends to the login; scripts may bring the bearer token. Reads no body. */
  readonly page: MiddlewareHandler<AdminEnv> = async (c, next) => {
    const found = await this.#identities.of(c);
    if (found === null) {
      // A link from elsewhere (a chat, an e-mail) does not carry a SameSite=Strict cookie; the same page asked for by itself does.
      if (c.req.method === "GET" && c.req.header("sec-fetch-site") === "cross-site") return bounce(c);
      const entrance = await this.#identities.entrance(c);
      return c.redirect(`${entrance}?next=${encodeURIComponent(pageOf(c))}`, 303);
    }
    if ("status" in found) {
      if (c.req.header("authorization") !== undefined) return refuse(c, found);
      throw new RefusalError(found.status, found.code, found.message);
    }
    const refusal = this.#admit(c, found);
    if (refusal !== null) throw new RefusalError(refusal.status, refusal.code, refusal.message);
    c.set("csrf", found.csrf ?? "");
    await next();
    return undefined;
  };

  /** For the forms of pages, after `page`: the CSRF token, then the audit trail. */
  readonly form: MiddlewareHandler<AdminEnv> = async (c, next) => {
    if (isChange(c)) {
      const given = c.req.header("x-csrf-token") ?? (await parsedForm(c))["_csrf"];
      const refusal = csrfRefusal(c, c.get("identity").csrf, given);
      if (refusal !== null) throw new RefusalError(refusal.status, refusal.code, refusal.message);
    }
    await this.#audited(c, next);
  };

  /** Null: the route's permission is theirs. */
  #admit(c: AdminContext, identity: Identity): Refusal | null {
    const { person } = identity;
    const settings = this.#deps.config().admin.roles;
    c.set("identity", identity);
    c.set("may", (permission) => isPermitted(person, permission, settings));
    const route = routeOf(c);
    if (route === null) return null;
    const needed = permissionFor(route);
    if (isPermitted(person, needed, settings)) return null;
    this.#deps.log.warn("admin.forbidden", { person: person.name, role: person.role, route });
    const message = `${person.name} is ${person.role}; this needs the role ${leastRole(needed)}`;
    return { status: 403, code: "forbidden", message };
  }

  async #audited(c: AdminContext, next: () => Promise<void>): Promise<void> {
    const route = routeOf(c);
    if (!isChange(c) || route === null || NO_CHANGE.has(route)) return next();
    const asked = { route, person: c.get("identity").person, client: this.#identities.clientOf(c) };
    return auditedChange(c, asked, { ...this.#deps, mask: this.#mask, next });
  }
}

/** Posts that change nothing of the relay's. */
const NO_CHANGE: ReadonlySet<string> = new Set(["POST /logout", "POST /api/v1/targets/:name/preview"]);

/** Method and path of the route that answers, as it was written; null: none does, and there will be a 404. */
function routeOf(c: AdminContext): string | null {
  const route = matchedRoute(c);
  return route === null ? null : `${route.method} ${route.path}`;
}

/** The fields of a posted form. Throws a RefusalError (400) if it is none. */
export async function parsedForm(c: AdminContext): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await c.req.parseBody();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new RefusalError(400, "bad_request", "the form cannot be read");
  }
}

function isChange(c: AdminContext): boolean {
  return c.req.method !== "GET" && c.req.method !== "HEAD";
}

/** @param csrf null: no browser sends this request by itself */
function csrfRefusal(c: AdminContext, csrf: string | null, given: unknown): Refusal | null {
  if (csrf === null || !isChange(c)) return null;
  const say = (message: string): Refusal => ({ status: 403, code: "csrf", message });
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return say("refused: sent by another site");
  if (typeof given !== "string" || !sameText(given, csrf))
    return say("the CSRF token is missing or out of date; load the page again");
  return null;
}

/** The page that was asked for; of a form that came too late, the page that it was on, as nothing is at the form's own address. */
function pageOf(c: AdminContext): string {
  const here = new URL(c.req.url);
  if (!isChange(c)) return here.pathname + here.search;
  const from = c.req.header("referer") ?? "";
  if (!URL.canParse(from)) return "/";
  const { host, pathname, search } = new URL(from);
  return host === c.req.header("host") ? pathname + search : "/";
}

function bounce(c: AdminContext): Response {
  c.header("Refresh", "0");
  c.header("Cache-Control", "no-store");
  return c.text("One moment\n");
}
