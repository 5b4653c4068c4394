/** The way in and out: the login page, the sign-in at a provider, the link of the start, and the end of a session. */
import { Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { UpstreamError } from "../../../lib/errors.ts";
import { createThrottle, type Throttle } from "../../http/throttle.ts";
import { RefusalError, type Refusal } from "../api/answer.ts";
import type { Assets } from "../pages/layout.ts";
import { plainPage } from "../pages/layout.ts";
import { relayName } from "../pages/site.ts";
import { loginForm } from "../pages/login.ts";
import type { AdminContext, AdminDeps, AdminEnv } from "../ports.ts";
import { formOf, safeNext } from "./forms.ts";
import { noRole, tooMany, TOKEN_SUBJECT, unauthorized, type Identities } from "./identity.ts";
import type { LoginCode } from "./login-code.ts";
import { SignInRefused } from "./groups.ts";
import { registerSignIns } from "./metrics.ts";
import { PROVIDER_AWAY, SIGN_IN_SECONDS, type Provider } from "./oidc.ts";
import { roleOf, TOKEN_HOLDER } from "./roles.ts";
import { sameText, type Session } from "./session.ts";

const TOKEN_SESSION_MS = 12 * 3_600_000;
/** As Identities has it for bearer tokens: failures of one sender that are answered with 401. */
const LOGIN_FAILURES = { burst: 10, refillMs: 6000 };

/** Time for which a browser is sent to the provider by itself when its session has run out. */
const RENEWAL_SECONDS = 30 * 86_400;

export interface LoginParts {
  readonly identities: Identities;
  readonly loginCode: LoginCode;
  /** Null: people do not sign in at a provider. */
  readonly provider: () => Provider | null;
  readonly assets: Assets;
}

export function createLoginRoutes(deps: AdminDeps, parts: LoginParts): Hono<AdminEnv> {
  const logins = new Logins(deps, parts);
  const routes = new Hono<AdminEnv>();
  routes.get("/login", (c) => logins.page(c));
  routes.post("/login", (c) => logins.byToken(c));
  routes.get("/login/begin", (c) => logins.begin(c));
  routes.get("/login/callback", (c) => logins.finish(c));
  routes.post("/logout", (c) => logins.end(c));
  return routes;
}

class Logins {
  readonly #deps: AdminDeps;
  readonly #parts: LoginParts;
  readonly #failures: Throttle;
  readonly #count: ReturnType<typeof registerSignIns>;

  constructor(deps: AdminDeps, parts: LoginParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#failures = createThrottle(deps.clock, LOGIN_FAILURES);
    this.#count = registerSignIns(deps.metrics.registry);
  }

  /** The form; with a right code, the session at once. */
  async page(c: AdminContext): Promise<Response> {
    const next = safeNext(c.req.query("next"));
    if ((await this.#parts.identities.session(c)) !== null) return c.redirect(next, 303);
    const code = c.req.query("code");
    if (code === undefined) return this.#form(c, next, null);
    const refusal = await this.#checked(
      c,
      this.#parts.loginCode.redeem(code),
      "That link was used already, or is of an earlier start. Log in with the admin token.",
    );
    return refusal === null ? c.redirect(next, 303) : this.#form(c, next, refusal);
  }

  async byToken(c: AdminContext): Promise<Response> {
    const form = await formOf(c);
    const next = safeNext(form("next"));
    if (c.req.header("sec-fetch-site") === "cross-site")
      throw new RefusalError(403, "csrf", "refused: sent by another site");
    const given = form("token") ?? "";
    const isRight = given !== "" && sameText(given, this.#deps.config().admin.token);
    const refusal = await this.#checked(c, isRight, "That is not the admin token.");
    return refusal === null ? c.redirect(next, 303) : this.#form(c, next, refusal);
  }

  /** Sends the browser to the provider. */
  async begin(c: AdminContext): Promise<Response> {
    const provider = this.#parts.provider();
    if (provider === null) return c.redirect("/login", 303);
    const next = safeNext(c.req.query("next"));
    const begun = await this.#orForm(c, next, () => provider.begin(next));
    if (begun instanceof Response) return begun;
    const { url, cookie } = begun;
    setCookie(c, await this.#pendingName(), cookie, {
      path: "/login",
      httpOnly: true,
      // The provider sends the browser back from another site.
      sameSite: "Lax",
      secure: isHttps(c, this.#deps),
      maxAge: SIGN_IN_SECONDS,
    });
    return c.redirect(url.href, 303);
  }

  /** Where the provider sends the browser back to. */
  async finish(c: AdminContext): Promise<Response> {
    const provider = this.#parts.provider();
    if (provider === null) return c.redirect("/login", 303);
    const pending = await this.#pendingName();
    const cookie = getCookie(c, pending);
    deleteCookie(c, pending, { path: "/login" });
    const { search } = new URL(c.req.url);
    const signedIn = await this.#orForm(c, "/", () => provider.finish(search, cookie));
    if (signedIn instanceof Response) return signedIn;
    const { name, subject, groups, next } = signedIn;
    const { roles, oidc } = this.#deps.config().admin;
    const role = roleOf(groups ?? [], roles);
    if (role === null) {
      this.#count("oidc", "refused");
      const refusal = noRole(name, groups === null ? (oidc?.groupsClaim ?? "") : null);
      this.#deps.log.warn("admin.login-failed", {
        client: this.#client(c),
        person: name,
        groups: groups?.length ?? null,
        error: refusal.message,
      });
      return this.#form(c, next, refusal);
    }
    const minutes = oidc?.sessionMinutes ?? 0;
    await this.#open(c, { person: { name, role, via: "oidc" }, subject }, minutes * 60_000);
    return c.redirect(next, 303);
  }

  /** What the provider refuses or does not answer is told above the form, in which the admin token still opens. */
  async #orForm<T>(c: AdminContext, next: string, task: () => Promise<T>): Promise<T | Response> {
    try {
      return await task();
    } catch (error) {
      const isAway = error instanceof UpstreamError && error.code === PROVIDER_AWAY;
      if (!isAway && !(error instanceof SignInRefused)) throw error;
      this.#count("oidc", isAway ? "unavailable" : "refused");
      this.#deps.log.warn("admin.login-failed", { client: this.#client(c), error: error.message });
      const said = capitalised(error.message);
      if (!isAway) return this.#form(c, next, unauthorized(said));
      const message = `${said}. Try again, or log in with the admin token.`;
      return this.#form(c, next, { status: 503, code: "unavailable", message });
    }
  }

  /**
   * Ends all sessions of the person who asks, on every relay of this storage: those of the admin token, or those of one person. Rejects
   * with an UpstreamError if that cannot be written.
   */
  async end(c: AdminContext): Promise<Response> {
    const { identities } = this.#parts;
    const session = await identities.session(c);
    const { cookieName, renewalName } = await identities.sessions();
    for (const name of [cookieName, renewalName]) deleteCookie(c, name, { path: "/" });
    if (session !== null) {
      await identities.epochOf(session.subject).advance();
      this.#deps.log.info("admin.logout", { client: this.#client(c), person: session.person.name });
    }
    return c.redirect("/login", 303);
  }

  async #checked(c: AdminContext, isRight: boolean, message: string): Promise<Refusal | null> {
    if (isRight) {
      await this.#open(c, { person: TOKEN_HOLDER, subject: TOKEN_SUBJECT }, TOKEN_SESSION_MS);
      return null;
    }
    this.#count("token", "refused");
    const client = this.#client(c);
    const wait = this.#failures.fail(client);
    if (wait > 0) return tooMany(wait);
    this.#deps.log.warn("admin.login-failed", { client });
    return unauthorized(message);
  }

  async #open(c: AdminContext, by: Pick<Session, "person" | "subject">, ttlMs: number): Promise<void> {
    const { identities } = this.#parts;
    const sessions = await identities.sessions();
    const epoch = identities.epochOf(by.subject);
    await epoch.refresh();
    const { name, role, via } = by.person;
    this.#count(via === "oidc" ? via : "token", "done");
    this.#deps.log.info("admin.login", { client: this.#client(c), person: name, role, via });
    const cookie = { path: "/", httpOnly: true, secure: isHttps(c, this.#deps) };
    setCookie(c, sessions.cookieName, sessions.open({ ...by, epoch: epoch.known }, ttlMs), {
      ...cookie,
      sameSite: "Strict",
      maxAge: ttlMs / 1000,
    });
    if (via === "oidc")
      setCookie(c, sessions.renewalName, "1", { ...cookie, sameSite: "Lax", maxAge: RENEWAL_SECONDS });
  }

  #form(c: AdminContext, next: string, refusal: Refusal | null): Response | Promise<Response> {
    if (refusal?.retryAfterSeconds !== undefined) c.header("Retry-After", String(refusal.retryAfterSeconds));
    const label = this.#deps.config().admin.oidc?.label ?? null;
    const form = loginForm({ next, problem: refusal?.message ?? null, signIn: label });
    return c.html(
      plainPage(this.#parts.assets, { name: relayName(this.#deps), title: "Log in" }, form),
      refusal?.status ?? 200,
    );
  }

  async #pendingName(): Promise<string> {
    return (await this.#parts.identities.sessions()).signInName;
  }

  #client(c: AdminContext): string {
    return this.#parts.identities.clientOf(c);
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

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
