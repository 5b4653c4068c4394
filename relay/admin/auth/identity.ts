/**
 * Who sends a request: whoever brings the admin token, whoever a listed proxy has signed in, or whoever has a session. Only finds
 * out; what they may do is for access.ts.
 */
import { createHmac } from "node:crypto";
import { getCookie } from "hono/cookie";
import { cut } from "../../../lib/cut.ts";
import { senderOf } from "../../http/client-address.ts";
import { createThrottle, type Throttle } from "../../http/throttle.ts";
import type { Refusal } from "../api/answer.ts";
import type { AdminContext, AdminDeps, Grant, Identity } from "../ports.ts";
import { SessionEpoch } from "./epoch.ts";
import { roleOf, TOKEN_HOLDER, type Person } from "./roles.ts";
import { createSessions, sameText, type Session, type Sessions } from "./session.ts";

/** Failures of one sender that are answered with 401; the rest with 429, until a minute has brought them back. */
const BEARER_FAILURES = { burst: 100, refillMs: 600 };
/** Characters of a path that a log line shows. */
const SHOWN_PATH = 200;
/** Characters of what a proxy says. */
const MAX_NAME = 200;

/** Whose epoch holds for sessions that the admin token opened. */
export const TOKEN_SUBJECT = "token";

export const TOKEN_PLACE =
  "It is the value of RELAY_ADMIN_TOKEN, or the text of the file admin-token in the relay's data folder.";

export class Identities {
  readonly #deps: AdminDeps;
  readonly #bearers: Throttle;
  /** By subject; as many as there are people who have signed in. */
  readonly #epochs = new Map<string, SessionEpoch>();
  /** Null until the storage has told the salt. */
  #sessions: Sessions | null = null;

  constructor(deps: AdminDeps) {
    this.#deps = deps;
    this.#bearers = createThrottle(deps.clock, BEARER_FAILURES);
  }

  /** Who it is; null: no one signed in. A refusal: someone tried, and failed. */
  async of(c: AdminContext): Promise<Identity | Refusal | null> {
    const authorization = c.req.header("authorization");
    if (authorization !== undefined) return this.#bearer(c, authorization);
    return (await this.#proxied(c)) ?? this.#ofSession(await this.session(c));
  }

  /** The session that the request's cookie opens and that has not been ended. */
  async session(c: AdminContext): Promise<Session | null> {
    if (c.req.header("cookie") === undefined) return null;
    const sessions = await this.sessions();
    const session = sessions.read(getCookie(c, sessions.cookieName) ?? "");
    if (session === null) return null;
    const epoch = this.epochOf(session.subject);
    await epoch.refresh();
    return session.epoch === epoch.known ? session : null;
  }

  /** The path that lets somebody in who has no session: the provider itself, if they have signed in there before. */
  async entrance(c: AdminContext): Promise<string> {
    if (this.#deps.config().admin.oidc === undefined) return "/login";
    const { renewalName } = await this.sessions();
    return getCookie(c, renewalName) === undefined ? "/login" : "/login/begin";
  }

  /** Rejects with an UpstreamError if the storage has been out of reach since the start. */
  async sessions(): Promise<Sessions> {
    const salt = this.#sessions === null ? await this.#deps.sessions.salt() : "";
    this.#sessions ??= createSessions({
      token: () => this.#deps.config().admin.token,
      salt,
      rules: () => JSON.stringify([this.#deps.config().admin.roles, this.#deps.config().admin.oidc ?? null]),
      now: () => this.#deps.clock.now(),
    });
    return this.#sessions;
  }

  epochOf(subject: string): SessionEpoch {
    let epoch = this.#epochs.get(subject);
    if (epoch === undefined) {
      epoch = new SessionEpoch(this.#deps.sessions.epoch(epochName(subject)), this.#deps.clock);
      this.#epochs.set(subject, epoch);
    }
    return epoch;
  }

  /** Tells what is open to look again at what it was granted: token or roles may be others. */
  recheck(): void {
    for (const epoch of this.#epochs.values()) epoch.recheck();
  }

  clientOf(c: AdminContext): string {
    const socket = c.env?.incoming?.socket.remoteAddress;
    return senderOf(this.#deps.addresses().clientOf(socket, c.req.header("x-forwarded-for")));
  }

  #bearer(c: AdminContext, header: string): Identity | Refusal {
    const given = /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? "";
    const isRight = (): boolean => sameText(given, this.#deps.config().admin.token);
    if (given !== "" && isRight())
      return { person: TOKEN_HOLDER, csrf: null, grant: this.#grant(TOKEN_SUBJECT, isRight) };
    const client = this.clientOf(c);
    const wait = this.#bearers.fail(client);
    if (wait > 0) return tooMany(wait);
    this.#deps.log.warn("admin.unauthorized", { client, path: cut(c.req.path, SHOWN_PATH) });
    return unauthorized(`the bearer token is not the admin token. ${TOKEN_PLACE}`);
  }

  async #proxied(c: AdminContext): Promise<Identity | Refusal | null> {
    const { proxy, roles } = this.#deps.config().admin;
    const name = proxy === undefined ? undefined : c.req.header(proxy.userHeader);
    const isBelieved = this.#deps.addresses().isTrustedProxy(c.env?.incoming?.socket.remoteAddress);
    if (proxy === undefined || name === undefined || name === "" || !isBelieved) return null;
    const groups = (c.req.header(proxy.groupsHeader) ?? "").split(",").map((group) => group.trim());
    const role = roleOf(
      groups.filter((group) => group !== ""),
      roles,
    );
    if (role === null) return noRole(cut(name, MAX_NAME));
    const person: Person = { name: cut(name, MAX_NAME), role, via: "proxy" };
    const sessions = await this.sessions();
    const isStill = (): boolean => this.#deps.config().admin.proxy !== undefined;
    return {
      person,
      csrf: sessions.csrfOf(person),
      grant: this.#grant(`proxy ${person.name}`, isStill),
    };
  }

  #ofSession(session: Session | null): Identity | null {
    if (session === null) return null;
    const { person, csrf, subject, expiresAt } = session;
    const { admin } = this.#deps.config();
    const [token, roles] = [admin.token, admin.roles];
    const holds = (): boolean =>
      expiresAt > this.#deps.clock.now() &&
      session.epoch === this.epochOf(subject).known &&
      this.#deps.config().admin.token === token &&
      (person.via === "token" || this.#deps.config().admin.roles === roles);
    return { person, csrf, grant: this.#grant(subject, holds) };
  }

  #grant(subject: string, holds: () => boolean): Grant {
    return { holds, onChange: (listener) => this.epochOf(subject).onChange(listener) };
  }
}

export function unauthorized(message: string): Refusal {
  return { status: 401, code: "unauthorized", message };
}

/** @param missingClaim the claim with the groups that the provider did not send; null: the groups are known */
export function noRole(name: string, missingClaim: string | null = null): Refusal {
  const why =
    missingClaim === null
      ? "no group of theirs has a role here (admin.roles in relay.yaml)"
      : `the identity provider did not send their groups (the claim "${missingClaim}"; see admin.oidc.groupsClaim and scope in relay.yaml)`;
  const message = `${name} is signed in, but ${why}`;
  return { status: 403, code: "forbidden", message };
}

export function tooMany(seconds: number): Refusal {
  return {
    status: 429,
    code: "too_many_attempts",
    message: `too many failed attempts; try again in ${seconds} s`,
    retryAfterSeconds: seconds,
  };
}

/** Names of counters are letters, digits and dashes; the admin token's has had its own from the beginning. */
function epochName(subject: string): string {
  if (subject === TOKEN_SUBJECT) return "session-epoch";
  return `session-epoch-${createHmac("sha256", "epoch").update(subject).digest("hex").slice(0, 32)}`;
}
