/**
 * Who may use the operator's side.
 *
 * With an admin token: whoever sends it as a bearer token, or has logged in with it (session cookie). Without one: connections
 * that come from this machine itself, told by the socket's address, and only where no proxy stands in between; the name in
 * `Host` must be the machine's own, too, or a foreign web page could reach the relay through the operator's browser.
 *
 * A change made with ambient authority (cookie, or a browser on this machine) must carry the session's CSRF token.
 */
import { BlockList, isIPv4 } from "node:net";
import { randomBytes } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { plainAddress, senderOf } from "../../http/client-address.ts";
import { refuse, type Refusal } from "../api/answer.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import {
  SESSION_COOKIE,
  createSessions,
  sameText,
  sessionKey,
  type Session,
  type Sessions,
} from "./session.ts";
import { createThrottle } from "./throttle.ts";

const SESSION_MS = 12 * 3_600_000;
const LOGIN_FAILURES = 10;
const BEARER_FAILURES = 100;
const WINDOW_MS = 60_000;

/** Any of these says that somebody passed the request on. */
const FORWARDING_HEADERS = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
];

/** From the range for documentation (RFC 5737). */
const EXAMPLE_CLIENT = "192.0.2.1";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

export type AdminContext = Context<AdminEnv>;

export interface Access {
  /** For the API: JSON refusals. */
  readonly api: MiddlewareHandler<AdminEnv>;
  /** For pages: sends to the login, opens a session where none is needed. */
  readonly page: MiddlewareHandler<AdminEnv>;
  /** Whether there is anything to log in to. */
  needsLogin(): boolean;
  /** Checks a token given in the login form; on success the answer sets the cookie. */
  login(c: AdminContext, token: string): Refusal | null;
  logout(c: AdminContext): void;
  /** The valid session of this request, if it has one. */
  session(c: AdminContext): Session | null;
  /** Why this connection is refused where no token is set; null where it is not. */
  refusedConnection(c: AdminContext): Refusal | null;
}

/** Decides for each request; keeps only counts of failures and ended sessions. */
export function createAccess(deps: AdminDeps): Access {
  const { clock } = deps;
  const token = (): string => deps.config().admin.token;
  const anonymousKey = randomBytes(32);
  const sessions: Sessions = createSessions(
    () => (token() === "" ? anonymousKey : sessionKey(token())),
    () => clock.now(),
  );
  const logins = createThrottle(clock, LOGIN_FAILURES, WINDOW_MS);
  const bearers = createThrottle(clock, BEARER_FAILURES, WINDOW_MS);

  const clientOf = (c: AdminContext): string =>
    senderOf(deps.addresses().clientOf(socketAddress(c), c.req.header("x-forwarded-for")));

  const session = (c: AdminContext): Session | null => {
    const cookie = getCookie(c, SESSION_COOKIE);
    return cookie === undefined ? null : sessions.read(cookie);
  };

  const openSession = (c: AdminContext): Session => {
    const opened = sessions.open(SESSION_MS);
    setCookie(c, SESSION_COOKIE, opened.cookie, {
      path: "/",
      httpOnly: true,
      sameSite: "Strict",
      secure: isHttps(c, deps),
      maxAge: SESSION_MS / 1000,
    });
    return opened.session;
  };

  const refusedConnection = (c: AdminContext): Refusal | null =>
    token() === "" ? loopbackRefusal(c, deps) : null;

  const checkBearer = (c: AdminContext, header: string): Refusal | null => {
    const client = clientOf(c);
    const wait = bearers.waitSeconds(client);
    if (wait > 0) return tooMany(wait);
    const given = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    if (given !== undefined && sameText(given, token())) return null;
    bearers.failed(client);
    deps.log.warn("admin.unauthorized", { client, path: c.req.path });
    return unauthorized("the bearer token is not the admin token");
  };

  const api: MiddlewareHandler<AdminEnv> = async function adminApiAccess(c, next) {
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    const refusal = apiRefusal(c);
    if (refusal !== null) return refuse(c, refusal);
    await next();
    return undefined;
  };

  const apiRefusal = (c: AdminContext): Refusal | null => {
    const present = session(c);
    if (token() === "") {
      const refused = loopbackRefusal(c, deps);
      if (refused !== null) return refused;
      return isChange(c) && isBrowser(c) ? csrfRefusal(c, present, c.req.header("x-csrf-token")) : null;
    }
    const authorization = c.req.header("authorization");
    if (authorization !== undefined) return checkBearer(c, authorization);
    if (present === null) return unauthorized("send the admin token as Authorization: Bearer <token>");
    return isChange(c) ? csrfRefusal(c, present, c.req.header("x-csrf-token")) : null;
  };

  const page: MiddlewareHandler<AdminEnv> = async function adminPageAccess(c, next) {
    const refused = refusedConnection(c);
    if (refused !== null) return c.text(`${refused.message}\n`, 403);
    let present = session(c);
    if (present === null && token() === "") present = openSession(c);
    if (present === null) {
      // A link from elsewhere (a chat, an e-mail) does not carry a SameSite=Strict cookie; the same page asked for by itself does.
      if (c.req.method === "GET" && c.req.header("sec-fetch-site") === "cross-site") return bounce(c);
      const here = new URL(c.req.url);
      return c.redirect(`/login?next=${encodeURIComponent(here.pathname + here.search)}`, 303);
    }
    if (isChange(c)) {
      const form = await c.req.parseBody();
      const refusal = csrfRefusal(c, present, c.req.header("x-csrf-token") ?? form["_csrf"]);
      if (refusal !== null) return c.text(`${refusal.message}\n`, 403);
    }
    c.set("csrf", present.csrf);
    await next();
    return undefined;
  };

  return {
    api,
    page,
    session,
    refusedConnection,
    needsLogin: () => token() !== "",
    login(c, given) {
      const client = clientOf(c);
      const wait = logins.waitSeconds(client);
      if (wait > 0) return tooMany(wait);
      if (!sameText(given, token())) {
        logins.failed(client);
        deps.log.warn("admin.login-failed", { client });
        return unauthorized("That is not the admin token.");
      }
      logins.succeeded(client);
      deps.log.info("admin.login", { client });
      openSession(c);
      return null;
    },
    logout(c) {
      const present = session(c);
      if (present !== null) sessions.end(present);
      setCookie(c, SESSION_COOKIE, "", { path: "/", httpOnly: true, sameSite: "Strict", maxAge: 0 });
    },
  };
}

function socketAddress(c: AdminContext): string | undefined {
  return c.env?.incoming?.socket.remoteAddress;
}

function isLoopback(text: string | undefined): boolean {
  const address = text === undefined ? null : plainAddress(text);
  return address !== null && loopback.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

/** Whether the socket's other end is a proxy that is believed: then it could speak for another address. */
function isTrustedProxy(c: AdminContext, deps: AdminDeps): boolean {
  const address = socketAddress(c);
  const { clientOf } = deps.addresses();
  return clientOf(address, EXAMPLE_CLIENT) !== clientOf(address, undefined);
}

function loopbackRefusal(c: AdminContext, deps: AdminDeps): Refusal | null {
  const say = (message: string): Refusal => ({ status: 403, code: "forbidden", message });
  const cure = "set RELAY_ADMIN_TOKEN to use it from elsewhere";
  if (!isLoopback(socketAddress(c)))
    return say(`without an admin token, only this machine is answered; ${cure}`);
  const forwarded = FORWARDING_HEADERS.some((name) => c.req.header(name) !== undefined);
  // A client of HTTP/1.0 on the same machine is a proxy that says nothing of whom it speaks for.
  if (forwarded || isTrustedProxy(c, deps) || c.env?.incoming?.httpVersion === "1.0")
    return say(`without an admin token, requests that come through a proxy are refused; ${cure}`);
  if (!isOwnName(hostOf(c))) return say(`without an admin token, only localhost is answered; ${cure}`);
  return null;
}

function hostOf(c: AdminContext): string {
  return c.req.header("host") ?? new URL(c.req.url).host;
}

/** `localhost`, `relay.localhost`, `127.0.0.1` or `[::1]`, with or without a port. */
function isOwnName(host: string): boolean {
  const name = host
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return name === "localhost" || name.endsWith(".localhost") || isLoopback(name);
}

function isHttps(c: AdminContext, deps: AdminDeps): boolean {
  if (c.env?.incoming?.socket.encrypted === true) return true;
  return isTrustedProxy(c, deps) && c.req.header("x-forwarded-proto") === "https";
}

function isChange(c: AdminContext): boolean {
  return c.req.method !== "GET" && c.req.method !== "HEAD";
}

/** Scripts send neither header, browsers always one of them with a change. */
function isBrowser(c: AdminContext): boolean {
  return c.req.header("origin") !== undefined || c.req.header("sec-fetch-site") !== undefined;
}

function csrfRefusal(c: AdminContext, session: Session | null, given: unknown): Refusal | null {
  const say = (message: string): Refusal => ({ status: 403, code: "csrf", message });
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return say("refused: sent by another site");
  if (session === null || typeof given !== "string" || !sameText(given, session.csrf))
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
