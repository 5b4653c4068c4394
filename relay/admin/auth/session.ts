/**
 * Sessions of the dashboard: a cookie that says who it is, until when it holds and in which epoch it was opened, signed with a key
 * made from the admin token and the storage's own salt. No session is stored, so a login survives a restart and holds on every
 * relay of the same storage. Another admin token ends all of them; other settings of roles or of the provider end those of people.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { jsonOrNull } from "../../../lib/json.ts";
import { ROLES } from "../../config/sign-in.ts";
import type { Person } from "./roles.ts";

const ID_BYTES = 16;
/** Characters of a cookie that is read; browsers keep about 4,096. */
const MAX_COOKIE = 2048;
/** Characters of a name that is kept. */
const MAX_PERSON = 200;

export interface Session {
  readonly id: string;
  readonly person: Person;
  /** Whose epoch counts: the admin token's, or that of one person. */
  readonly subject: string;
  /** In which it was opened. */
  readonly epoch: number;
  /** Wall clock, milliseconds. */
  readonly expiresAt: number;
  /** What every change must carry, as the field `_csrf` or the header `X-CSRF-Token`. */
  readonly csrf: string;
}

export interface Sessions {
  /** Name of the cookie: two relays on one host have two. */
  readonly cookieName: string;
  /** Name of the cookie that says that the browser has signed in at the provider before: it may be sent there by itself. */
  readonly renewalName: string;
  /** Name of the cookie that holds a sign-in under way. */
  readonly signInName: string;
  /** The value of a cookie for a person who has just logged in. */
  open(by: Pick<Session, "person" | "subject" | "epoch">, ttlMs: number): string;
  /** The session of a cookie; null if it is forged or has run out. Whether its epoch still holds is the caller's question. */
  read(cookie: string): Session | null;
  /** The CSRF token of a person without a session, whom a proxy signs in. */
  csrfOf(person: Person): string;
}

export interface SessionsDeps {
  /** The admin token in force. */
  readonly token: () => string;
  /** Differs between relays that share no storage. */
  readonly salt: string;
  /** What decides about people's roles: when it changes, their sessions end. */
  readonly rules: () => string;
  /** Wall clock, milliseconds. */
  readonly now: () => number;
}

const payload = z.strictObject({
  id: z.string(),
  expiresAt: z.number(),
  epoch: z.number(),
  subject: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  via: z.enum(["token", "oidc", "proxy"]),
});

export function createSessions({ token, salt, rules, now }: SessionsDeps): Sessions {
  const mac = (text: string, via: Person["via"]): string => {
    const context = via === "token" ? "" : rules();
    const key = createHmac("sha256", token()).update(`gitlab-hook-relay/session/v3/${salt}/${context}`);
    return createHmac("sha256", key.digest()).update(text).digest("base64url");
  };
  const suffix = createHmac("sha256", "cookie").update(salt).digest("hex").slice(0, 8);
  return {
    cookieName: `relay_session_${suffix}`,
    renewalName: `relay_renewal_${suffix}`,
    signInName: `relay_sign_in_${suffix}`,
    open({ person, subject, epoch }, ttlMs) {
      const id = randomBytes(ID_BYTES).toString("base64url");
      const { role, via } = person;
      const name = person.name.slice(0, MAX_PERSON);
      const content = { id, expiresAt: now() + ttlMs, epoch, subject, name, role, via };
      const signed = Buffer.from(JSON.stringify(content)).toString("base64url");
      return `${signed}.${mac(`session/${signed}`, via)}`;
    },
    read(cookie) {
      const [signed = "", signature = "", ...rest] = cookie.length > MAX_COOKIE ? [] : cookie.split(".");
      const read = payload.safeParse(jsonOrNull(Buffer.from(signed, "base64url").toString("utf8")));
      if (!read.success || rest.length > 0) return null;
      const { id, expiresAt, epoch, subject, name, role, via } = read.data;
      if (!sameText(signature, mac(`session/${signed}`, via)) || expiresAt <= now()) return null;
      return { id, person: { name, role, via }, subject, epoch, expiresAt, csrf: mac(`csrf/${id}`, via) };
    },
    csrfOf: ({ name, via }) => mac(`csrf/of/${name}`, via),
  };
}

/** Compares in a time that does not depend on where the texts differ, nor on their lengths. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
