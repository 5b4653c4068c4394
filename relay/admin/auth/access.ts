/**
 * Who may use the operator's side: whoever sends the admin token as a bearer token, or has logged in with it (session cookie).
 * There always is a token: the relay makes one where none is set. Neither addresses nor headers that anybody can write decide.
 *
 * A change made with a cookie must carry the session's CSRF token. The right token is never refused for the failures of others.
 */
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { cut } from "../../../lib/cut.ts";
import { senderOf } from "../../http/client-address.ts";
import { createThrottle, type Throttle } from "../../http/throttle.ts";
import { RefusalError, refuse, type Refusal } from "../api/answer.ts";
import type { AdminDeps, AdminEnv, Grant } from "../ports.ts";
import { SessionEpoch } from "./epoch.ts";
import type { LoginCode } from "./login-code.ts";
import { createSessions, sameText, type Session, type Sessions } from "./session.ts";

const SESSION_MS = 12 * 3_600_000;
/** Failures of one sender that are answered with 401; the rest with 429, until a minute has brought them back. */
const LOGIN_FAILURES = { burst: 10, refillMs: 6000 };
const BEARER_FAILURES = { burst: 100, refillMs: 600 };
/** Characters of a path that a log line shows. */
const SHOWN_PATH = 200;

const WHERE =
  "It is the value of RELAY_ADMIN_TOKEN, or the text of the file admin-token in the relay's data folder.";

export type AdminContext = Context<AdminEnv>;

export class Access {
  readonly #deps: AdminDeps;
  readonly #epoch: SessionEpoch;
  /** Null until the storage has told the salt. */
  #sessions: Sessions | null = null;
  readonly #loginCode: LoginCode;
  readonly #logins: Throttle;
  readonly #bearers: Throttle;

  constructor(deps: AdminDeps, loginCode: LoginCode) {
    this.#deps = deps;
    this.#loginCode = loginCode;
    this.#epoch = new SessionEpoch(deps.sessions.epoch, deps.clock);
    this.#logins = createThrottle(deps.clock, LOGIN_FAILURES);
    this.#bearers = createThrottle(deps.clock, BEARER_FAILURES);
  }

  get #token(): string {
    return this.#deps.config().admin.token;
  }

  /** For the API: JSON refusals. */
  readonly api: MiddlewareHandler<AdminEnv> = async (c, next) => {
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    const authorization = c.req.header("authorization");
    const refusal =
      authorization === undefined ? await this.#checkSession(c) : this.#checkBearer(c, authorization);
    if (refusal !== null) return refuse(c, refusal);
    await next();
    return undefined;
  };

  /** For pages: sends to the login; scripts may bring the bearer token. Reads no body. */
  readonly page: MiddlewareHandler<AdminEnv> = async (c, next) => {
    const authorization = c.req.header("authorization");
    if (authorization !== undefined) {
      const refusal = this.#checkBearer(c, authorization);
      if (refusal !== null) return refuse(c, refusal);
      c.set("csrf", "");
      await next();
      return undefined;
    }
    const session = await this.session(c);
    if (session === null) {
      // A link from elsewhere (a chat, an e-mail) does not carry a SameSite=Strict cookie; the same page asked for by itself does.
      if (c.req.method === "GET" && c.req.header("sec-fetch-site") === "cross-site") return bounce(c);
      const here = new URL(c.req.url);
      return c.redirect(`/login?next=${encodeURIComponent(here.pathname + here.search)}`, 303);
    }
    c.set("csrf", session.csrf);
    await next();
    return undefined;
  };

  async #cookieSession(c: AdminContext): Promise<{ session: Session; holds: () => boolean } | null> {
    if (c.req.header("cookie") === undefined) return null;
    const sessions = await this.#opened();
    const cookie = getCookie(c, sessions.cookieName);
    if (cookie === undefined) return null;
    await this.#epoch.refresh();
    const session = sessions.read(cookie);
    return session === null ? null : { session, holds: () => sessions.read(cookie) !== null };
  }

  /** Rejects with an UpstreamError where the storage has been out of reach since the start. */
  async #opened(): Promise<Sessions> {
    const salt = this.#sessions === null ? await this.#deps.sessions.salt() : "";
    this.#sessions ??= createSessions({
      token: () => this.#token,
      salt,
      epoch: () => this.#epoch.known,
      now: () => this.#deps.clock.now(),
    });
    return this.#sessions;
  }

  /** For the forms of pages, after `page`: the CSRF token. */
  readonly form: MiddlewareHandler<AdminEnv> = async (c, next) => {
    if (isChange(c) && c.req.header("authorization") === undefined) {
      const given = c.req.header("x-csrf-token") ?? (await parsedForm(c))["_csrf"];
      const refusal = csrfRefusal(c, c.get("csrf"), given);
      if (refusal !== null) throw new RefusalError(refusal.status, refusal.code, refusal.message);
    }
    await next();
  };

  /** The valid session of this request, if it has one. */
  async session(c: AdminContext): Promise<Session | null> {
    return (await this.#cookieSession(c))?.session ?? null;
  }

  /** Checks a token given in the login form; on success the answer sets the cookie. */
  async login(c: AdminContext, given: string): Promise<Refusal | null> {
    return this.#logIn(c, given !== "" && sameText(given, this.#token), "That is not the admin token.");
  }

  /** As login(), with the code of the link that was printed at the start. */
  async loginByCode(c: AdminContext, code: string): Promise<Refusal | null> {
    return this.#logIn(
      c,
      this.#loginCode.redeem(code),
      "That link was used already, or is of an earlier start. Log in with the admin token.",
    );
  }

  /** Ends all sessions of this token, on every relay of this storage. Rejects with an UpstreamError where it cannot be written. */
  async logout(c: AdminContext): Promise<void> {
    const { cookieName } = await this.#opened();
    setCookie(c, cookieName, "", { path: "/", httpOnly: true, sameSite: "Strict", maxAge: 0 });
    await this.#epoch.advance();
    this.#deps.log.info("admin.logout", { client: this.#clientOf(c) });
  }

  /** To be called when the admin token may be another one: ends what the old one had opened. */
  recheck(): void {
    this.#epoch.recheck();
  }

  async #logIn(c: AdminContext, isRight: boolean, message: string): Promise<Refusal | null> {
    const client = this.#clientOf(c);
    if (!isRight) {
      const wait = this.#logins.fail(client);
      if (wait > 0) return tooMany(wait);
      this.#deps.log.warn("admin.login-failed", { client });
      return unauthorized(message);
    }
    const sessions = await this.#opened();
    await this.#epoch.refresh();
    this.#deps.log.info("admin.login", { client });
    setCookie(c, sessions.cookieName, sessions.open(SESSION_MS).cookie, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure: isHttps(c, this.#deps),
      maxAge: SESSION_MS / 1000,
    });
    return null;
  }

  #checkBearer(c: AdminContext, header: string): Refusal | null {
    const given = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    if (given !== undefined && sameText(given, this.#token)) {
      c.set(
        "grant",
        this.#grant(() => sameText(given, this.#token)),
      );
      return null;
    }
    const client = this.#clientOf(c);
    const wait = this.#bearers.fail(client);
    if (wait > 0) return tooMany(wait);
    this.#deps.log.warn("admin.unauthorized", { client, path: cut(c.req.path, SHOWN_PATH) });
    return unauthorized(`the bearer token is not the admin token. ${WHERE}`);
  }

  async #checkSession(c: AdminContext): Promise<Refusal | null> {
    const found = await this.#cookieSession(c);
    if (found === null)
      return unauthorized(`send the admin token as "Authorization: Bearer <token>". ${WHERE}`);
    c.set("grant", this.#grant(found.holds));
    return isChange(c) ? csrfRefusal(c, found.session.csrf, c.req.header("x-csrf-token")) : null;
  }

  #grant(holds: () => boolean): Grant {
    return { holds, onChange: (listener) => this.#epoch.onChange(listener) };
  }

  #clientOf(c: AdminContext): string {
    const socket = c.env?.incoming?.socket.remoteAddress;
    return senderOf(this.#deps.addresses().clientOf(socket, c.req.header("x-forwarded-for")));
  }
}

/** The fields of a posted form. Throws a RefusalError (400) where it is none. */
export async function parsedForm(c: AdminContext): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await c.req.parseBody();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new RefusalError(400, "bad_request", "the form cannot be read");
  }
}

/** Whether the browser came by HTTPS: then its cookie is for HTTPS alone. Grants nothing. */
function isHttps(c: AdminContext, deps: AdminDeps): boolean {
  const socket = c.env?.incoming?.socket;
  if (socket?.encrypted === true) return true;
  return (
    deps.addresses().isTrustedProxy(socket?.remoteAddress) && c.req.header("x-forwarded-proto") === "https"
  );
}

function isChange(c: AdminContext): boolean {
  return c.req.method !== "GET" && c.req.method !== "HEAD";
}

function csrfRefusal(c: AdminContext, csrf: string, given: unknown): Refusal | null {
  const say = (message: string): Refusal => ({ status: 403, code: "csrf", message });
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return say("refused: sent by another site");
  if (typeof given !== "string" || !sameText(given, csrf))
    return say("the CSRF token is missing or out of date; load the page again");
  return null;
}

function bounce(c: AdminContext): Response {
  c.header("Refresh", "0");
  c.header("Cache-Control", "no-store");
  return c.text("One moment\n");
}

function unauthorized(message: string): Refusal {
  return { status: 401, code: "unauthorized", message };
}

function tooMany(seconds: number): Refusal {
  return {
    status: 429,
    code: "too_many_attempts",
    message: `too many failed attempts; try again in ${seconds} s`,
    retryAfterSeconds: seconds,
  };
}
