import { describe, expect, test } from "vitest";
import { deriveSecretToken, deriveSigningToken } from "../../../lib/secrets.ts";
import { decodeSigningToken, sign } from "../../../lib/signature.ts";
import {
  createAuthenticator,
  instanceHost,
  type Credentials,
  type Authentication,
} from "../../../relay/ingest/authenticate.ts";

const TOKEN = "the-shared-token";
const SIGNING = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const OTHER = `whsec_${Buffer.alloc(32, 8).toString("base64")}`;
const body = Buffer.from('{"object_kind":"push"}');
const now = Date.UTC(2026, 0, 15, 12);
const seconds = now / 1000;

const settings = (changes: Partial<Credentials> = {}): Credentials => ({
  secretTokens: [],
  signingTokens: [],
  masterSecret: "",
  credentials: "all",
  signatureToleranceSeconds: 300,
  ...changes,
});

function signature(token: string, timestamp = seconds, id = "msg_1"): Record<string, string> {
  const key = decodeSigningToken(token) as Uint8Array;
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": sign([key], id, timestamp, body),
  };
}

function verdict(
  credentials: Credentials,
  headers: Record<string, string>,
  hookKey: string | null = null,
): Authentication {
  const authenticator = createAuthenticator(credentials);
  return authenticator.judge(authenticator.claim(headers, hookKey), headers, body, now);
}

function refusedEarly(credentials: Credentials, headers: Record<string, string>): boolean {
  return createAuthenticator(credentials).claim(headers, null).refused !== null;
}

const tokens = { "x-gitlab-token": { right: TOKEN, wrong: "guess" } } as const;
const sent = {
  nothing: {},
  "token right": { "x-gitlab-token": tokens["x-gitlab-token"].right },
  "token wrong": { "x-gitlab-token": tokens["x-gitlab-token"].wrong },
  "signature right": signature(SIGNING),
  "signature wrong": signature(OTHER),
  "token right, signature right": { "x-gitlab-token": TOKEN, ...signature(SIGNING) },
  "token right, signature wrong": { "x-gitlab-token": TOKEN, ...signature(OTHER) },
  "token wrong, signature right": { "x-gitlab-token": "guess", ...signature(SIGNING) },
  "token wrong, signature wrong": { "x-gitlab-token": "guess", ...signature(OTHER) },
} as const;
type Sent = keyof typeof sent;

const T = ["token"];
const S = ["signature"];
const TS = ["token", "signature"];

/** What is accepted, by what is configured; everything else is refused. */
const accepted: Record<string, { settings: Credentials; by: Partial<Record<Sent, string[]>> }> = {
  nothing: { settings: settings(), by: {} },
  "a token": {
    settings: settings({ secretTokens: [TOKEN] }),
    by: { "token right": T, "token right, signature right": T, "token right, signature wrong": T },
  },
  "a signing token": {
    settings: settings({ signingTokens: [SIGNING] }),
    by: { "signature right": S, "token right, signature right": S, "token wrong, signature right": S },
  },
  "both, all": {
    settings: settings({ secretTokens: [TOKEN], signingTokens: [SIGNING] }),
    by: { "token right": T, "signature right": S, "token right, signature right": TS },
  },
  "both, any": {
    settings: settings({ secretTokens: [TOKEN], signingTokens: [SIGNING], credentials: "any" }),
    by: {
      "token right": T,
      "signature right": S,
      "token right, signature right": TS,
      "token right, signature wrong": T,
      "token wrong, signature right": S,
    },
  },
};

describe.each(Object.entries(accepted))("with %s configured", (_name, { settings: configured, by }) => {
  test.each(Object.keys(sent) as Sent[])("%s", (what) => {
    const result = verdict(configured, sent[what]);
    expect(result.ok ? result.verifiedBy : null).toEqual(by[what] ?? null);
  });

  test("headers alone refuse exactly what no body could make valid", () => {
    const early = (Object.keys(sent) as Sent[]).filter((what) => refusedEarly(configured, sent[what]));
    const signatureConfigured = configured.signingTokens.length > 0;
    const needsBody = (what: Sent): boolean =>
      what.includes("signature") &&
      signatureConfigured &&
      !(
        what.startsWith("token wrong") &&
        configured.credentials === "all" &&
        configured.secretTokens.length > 0
      );
    const expected = (Object.keys(sent) as Sent[]).filter(
      (what) => by[what] === undefined && !needsBody(what),
    );
    expect(early).toEqual(expected);
  });
});

test("any of several tokens is right, so that a rotation loses nothing", () => {
  const rotating = settings({ secretTokens: ["new-one", "old-one"] });
  for (const token of ["new-one", "old-one"])
    expect(verdict(rotating, { "x-gitlab-token": token }).ok).toBe(true);
  for (const token of ["new-on", "new-one ", "new-one,old-one", "NEW-ONE"])
    expect(verdict(rotating, { "x-gitlab-token": token }).ok).toBe(false);
});

test("any of several keys and any of several signatures is right", () => {
  const rotating = settings({ signingTokens: [OTHER, SIGNING] });
  expect(verdict(rotating, signature(SIGNING)).ok).toBe(true);
  const two = signature(SIGNING);
  two["webhook-signature"] = `v1,AAAA ${two["webhook-signature"]}`;
  expect(verdict(rotating, two).ok).toBe(true);
});

test("a token that is not ASCII is compared byte by byte", () => {
  const token = "größe-🖼️";
  const onTheWire = Buffer.from(token, "utf8").toString("latin1");
  expect(verdict(settings({ secretTokens: [token] }), { "x-gitlab-token": onTheWire }).ok).toBe(true);
});

test("an empty header counts as not sent", () => {
  const both = settings({ secretTokens: [TOKEN], signingTokens: [SIGNING] });
  expect(verdict(both, { "x-gitlab-token": TOKEN, "webhook-signature": "" })).toEqual({
    ok: true,
    verifiedBy: T,
  });
  expect(verdict(both, { "x-gitlab-token": "" }).ok).toBe(false);
});

test.each([
  ["no webhook-id", { "webhook-id": "" }],
  ["no webhook-timestamp", { "webhook-timestamp": "" }],
  ["a timestamp that is no number", { "webhook-timestamp": "now" }],
  ["no known scheme", { "webhook-signature": "v2,abc" }],
])("a signature with %s is wrong", (_claim, change) => {
  const headers = { ...signature(SIGNING), ...change };
  expect(verdict(settings({ signingTokens: [SIGNING] }), headers)).toEqual({
    ok: false,
    reason: expect.stringContaining("signature"),
  });
});

test("a signature is judged by the time of receipt, within the tolerance of the settings", () => {
  const strict = settings({ signingTokens: [SIGNING], signatureToleranceSeconds: 10 });
  expect(verdict(strict, signature(SIGNING, seconds - 10)).ok).toBe(true);
  expect(verdict(strict, signature(SIGNING, seconds + 10)).ok).toBe(true);
  expect(verdict(strict, signature(SIGNING, seconds - 11)).ok).toBe(false);
  expect(verdict(strict, signature(SIGNING, seconds + 11)).ok).toBe(false);
});

describe("with a master secret", () => {
  const host = "gitlab.acme.dev:8443";
  const instance = { "x-gitlab-instance": `https://${host}` };
  const masters = settings({ masterSecret: "new-master, old-master" });
  const tokenOf = (master: string, key = "p42", at = host): Record<string, string> => ({
    ...instance,
    "x-gitlab-token": deriveSecretToken(master, at, key),
  });

  test("each hook's own token is right under its own path, for every master", () => {
    for (const master of ["new-master", "old-master"])
      expect(verdict(masters, tokenOf(master), "p42").ok).toBe(true);
  });

  test.each([
    ["another hook", "p43"],
    ["no hook", null],
  ])("a hook's token is wrong under the path of %s", (_claim, key) => {
    expect(verdict(masters, tokenOf("new-master"), key).ok).toBe(false);
  });

  test("a token derived for another instance or from another master is wrong", () => {
    expect(verdict(masters, tokenOf("new-master", "p42", "gitlab.acme.dev"), "p42").ok).toBe(false);
    expect(verdict(masters, tokenOf("other"), "p42").ok).toBe(false);
    expect(verdict(masters, tokenOf("new-master, old-master"), "p42").ok).toBe(false);
  });

  test("each hook's own signing token is right, and checked where both are sent", () => {
    const key = (master: string): string => deriveSigningToken(master, host, "g7");
    expect(verdict(masters, { ...instance, ...signature(key("old-master")) }, "g7")).toEqual({
      ok: true,
      verifiedBy: S,
    });
    const both = { ...tokenOf("new-master", "g7"), ...signature(key("new-master")) };
    expect(verdict(masters, both, "g7")).toEqual({ ok: true, verifiedBy: TS });
    expect(verdict(masters, { ...both, ...signature(SIGNING) }, "g7").ok).toBe(false);
  });

  test("shared secrets are accepted under a hook's path too", () => {
    const shared = { ...masters, secretTokens: [TOKEN], signingTokens: [SIGNING] };
    expect(verdict(shared, { "x-gitlab-token": TOKEN }, "p42").ok).toBe(true);
    expect(verdict(shared, { ...instance, ...signature(SIGNING) }, "p42").ok).toBe(true);
    expect(verdict(settings({ secretTokens: [TOKEN] }), { "x-gitlab-token": TOKEN }, "p42").ok).toBe(true);
  });

  test("without a readable X-Gitlab-Instance no hook's token is known", () => {
    const token = { "x-gitlab-token": deriveSecretToken("new-master", host, "p42") };
    expect(verdict(masters, token, "p42").ok).toBe(false);
    expect(verdict(masters, { ...token, "x-gitlab-instance": "http://" }, "p42").ok).toBe(false);
  });
});

test.each([
  ["https://gitlab.acme.dev", "gitlab.acme.dev"],
  ["https://GitLab.acme.dev:8443/sub", "gitlab.acme.dev:8443"],
  ["https://gitlab.acme.dev:443", "gitlab.acme.dev"],
  ["gitlab.acme.dev", "gitlab.acme.dev"],
  ["", null],
  ["http://", null],
])("instanceHost() of %j is %j", (instance, host) => {
  expect(instanceHost({ "x-gitlab-instance": instance })).toBe(host);
});
