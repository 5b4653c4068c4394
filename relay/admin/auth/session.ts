/**
 * Sessions of the dashboard: a cookie that says who holds it until when, signed with a key made from the admin token. Nothing is
 * stored, so a login survives a restart and holds on every relay with the same token; a changed token ends all sessions.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const SESSION_COOKIE = "relay_session";
const ID_BYTES = 16;
/** Sessions that were ended by logging out are remembered until they would have run out, the oldest forgotten first. */
const MAX_ENDED = 10_000;

export interface Session {
  readonly id: string;
  /** Wall clock, milliseconds. */
  readonly expiresAt: number;
  /** What every change must carry, as the field `_csrf` or the header `X-CSRF-Token`. */
  readonly csrf: string;
}

export interface Sessions {
  /** A new session and the cookie's value. */
  open(ttlMs: number): { readonly session: Session; readonly cookie: string };
  /** The session of a cookie; null where it is forged, has run out or was ended. */
  read(cookie: string): Session | null;
  end(session: Session): void;
}

/** The signing key that belongs to an admin token. */
export function sessionKey(token: string): Uint8Array {
  return createHmac("sha256", token).update("gitlab-hook-relay/session/v1").digest();
}

/** @param key changes its value when the admin token does */
export function createSessions(key: () => Uint8Array, now: () => number): Sessions {
  const ended = new Set<string>();
  const mac = (text: string): Buffer => createHmac("sha256", key()).update(text).digest();
  const sessionOf = (id: string, expiresAt: number): Session => ({
    id,
    expiresAt,
    csrf: mac(`csrf/${id}`).toString("base64url"),
  });
  return {
    open(ttlMs) {
      const id = randomBytes(ID_BYTES).toString("base64url");
      const expiresAt = now() + ttlMs;
      const signed = `${id}.${expiresAt.toString(36)}`;
      const cookie = `${signed}.${mac(`session/${signed}`).toString("base64url")}`;
      return { session: sessionOf(id, expiresAt), cookie };
    },
    read(cookie) {
      const match = /^([\w-]{22})\.([0-9a-z]{1,11})\.([\w-]{43})$/.exec(cookie);
      if (match === null) return null;
      const [, id, expires, signature] = match as unknown as [string, string, string, string];
      if (!sameText(signature, mac(`session/${id}.${expires}`).toString("base64url"))) return null;
      const expiresAt = Number.parseInt(expires, 36);
      return expiresAt > now() && !ended.has(id) ? sessionOf(id, expiresAt) : null;
    },
    end(session) {
      if (ended.size >= MAX_ENDED) ended.delete(ended.values().next().value as string);
      ended.add(session.id);
    },
  };
}

/** Compares in a time that does not depend on where the texts differ, nor on their lengths. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
