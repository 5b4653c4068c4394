/**
 * Sessions of the dashboard: a cookie that says until when it holds and in which epoch it was opened, signed with a key made from
 * the admin token and the storage's own salt. No session is stored, so a login survives a restart and holds on every relay of the
 * same storage; another token or another epoch ends all of them.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const ID_BYTES = 16;

export interface Session {
  readonly id: string;
  /** Wall clock, milliseconds. */
  readonly expiresAt: number;
  /** What every change must carry, as the field `_csrf` or the header `X-CSRF-Token`. */
  readonly csrf: string;
}

export interface Sessions {
  /** Name of the cookie: two relays on one host have two. */
  readonly cookieName: string;
  /** A new session and the cookie's value. */
  open(ttlMs: number): { readonly session: Session; readonly cookie: string };
  /** The session of a cookie; null where it is forged, has run out or was ended. */
  read(cookie: string): Session | null;
}

export interface SessionsDeps {
  /** The admin token in force. */
  readonly token: () => string;
  /** Differs between relays that share no storage. */
  readonly salt: string;
  /** The epoch of sessions, as last known. */
  readonly epoch: () => number;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

export function createSessions({ token, salt, epoch, now }: SessionsDeps): Sessions {
  const key = (): Buffer =>
    createHmac("sha256", token()).update(`gitlab-hook-relay/session/v2/${salt}`).digest();
  const mac = (text: string): string => createHmac("sha256", key()).update(text).digest("base64url");
  const sessionOf = (id: string, expiresAt: number): Session => ({ id, expiresAt, csrf: mac(`csrf/${id}`) });
  return {
    cookieName: `relay_session_${createHmac("sha256", "cookie").update(salt).digest("hex").slice(0, 8)}`,
    open(ttlMs) {
      const id = randomBytes(ID_BYTES).toString("base64url");
      const expiresAt = now() + ttlMs;
      const signed = `${id}.${expiresAt.toString(36)}.${epoch().toString(36)}`;
      return { session: sessionOf(id, expiresAt), cookie: `${signed}.${mac(`session/${signed}`)}` };
    },
    read(cookie) {
      const match = /^([\w-]{22})\.([0-9a-z]{1,11})\.([0-9a-z]{1,11})\.([\w-]{43})$/.exec(cookie);
      if (match === null) return null;
      const [, id, expires, opened, signature] = match as unknown as [string, string, string, string, string];
      if (!sameText(signature, mac(`session/${id}.${expires}.${opened}`))) return null;
      const expiresAt = Number.parseInt(expires, 36);
      return expiresAt > now() && Number.parseInt(opened, 36) === epoch() ? sessionOf(id, expiresAt) : null;
    },
  };
}

/** Compares in a time that does not depend on where the texts differ, nor on their lengths. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
