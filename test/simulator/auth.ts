/** Who is asking: the token, where it may stand, and what an expired, revoked or narrow one is told. */
import type { Clock } from "../../lib/clock.ts";
import type { Ctx } from "./http.ts";
import { ApiError, unauthorized } from "./http.ts";
import type { Model, Token, User } from "./model.ts";

/** The token text of a request; null: none was sent. */
export function tokenText(c: Ctx): string | null {
  const bearer = /^Bearer (.+)$/i.exec(c.req.header("authorization") ?? "");
  return c.req.header("private-token") ?? bearer?.[1] ?? c.req.query("private_token") ?? null;
}

/** The known token of a request, whether or not it is still good: limits count by its user. */
export function tokenOf(c: Ctx, model: Model): Token | null {
  const text = tokenText(c);
  return text === null ? null : (model.tokens.get(text) ?? null);
}

/** Throws 401 for a token that is unknown, expired or revoked, and 403 for one that may only read. */
export function checkToken(c: Ctx, model: Model, clock: Clock): void {
  const text = tokenText(c);
  if (c.req.header("job-token") !== undefined && text === null) throw unauthorized();
  if (text === null) return;
  const token = model.tokens.get(text);
  if (!token) throw unauthorized();
  if (token.revoked) throw badToken("Token was revoked. You have to re-authorize from the user.");
  if (token.expiresAt !== null && token.expiresAt <= clock.now()) {
    throw badToken("Token is expired. You can either do re-authorization or token refresh.");
  }
  const reading = c.req.method === "GET" || c.req.method === "HEAD";
  const self = c.req.path.endsWith("/personal_access_tokens/self");
  const enough = token.scopes.includes("api") || (reading && (token.scopes.includes("read_api") || self));
  if (!enough) {
    throw new ApiError(403, {
      error: "insufficient_scope",
      error_description: "The request requires higher privileges than provided by the access token.",
      scope: reading ? "api read_api" : "api",
    });
  }
}

/** The user of a request that needs one. */
export function requireUser(c: Ctx): User {
  const user = c.get("user");
  if (user === null) throw unauthorized();
  return user;
}

function badToken(description: string): ApiError {
  return new ApiError(401, { error: "invalid_token", error_description: description });
}
