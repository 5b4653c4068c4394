import { describe, expect, test } from "vitest";
import { deriveSecretToken, deriveSigningToken } from "../../../lib/secrets.ts";
import { decodeSigningToken, sign } from "../../../lib/signature.ts";
import { createSenders } from "../../../relay/ingest/senders.ts";
import { configOf, createIntake } from "../../helpers/intake.ts";
import { fc } from "../../helpers/properties.ts";

const whsec = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const body = Buffer.from('{"object_kind":"push","project":{"id":15}}');
const now = Date.UTC(2026, 0, 15, 12);
const B_URL = "https://gitlab.b.dev";
const settings = {
  gitlab: { secretTokens: ["token-of-default"] },
  instances: {
    a: { secretTokens: ["token-of-a"], signingTokens: [whsec(1)] },
    b: { masterSecret: "new-master-of-b,old-master-of-b", url: B_URL },
    c: { signingTokens: [whsec(3)], signatureToleranceSeconds: 60 },
  },
};

function signed(token: string, atMs = now): Record<string, string> {
  const timestamp = Math.floor(atMs / 1000);
  const key = decodeSigningToken(token) as Uint8Array;
  return {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(timestamp),
    "webhook-signature": sign([key], "msg_1", timestamp, body),
  };
}

/** Name of the instance, or why it is refused. */
function judged(headers: Record<string, string>, hookKey: string | null = null): string {
  const claim = createSenders(configOf(settings)).claim(headers, hookKey);
  if (claim.refused !== null) return claim.refused;
  const proof = claim.judge(body, now);
  return proof.ok ? (proof.instance ?? "default") : proof.reason;
}

const token = (value: string): Record<string, string> => ({ "x-gitlab-token": value });
const says = (instance: string): Record<string, string> => ({ "x-gitlab-instance": instance });

describe("senders: the credential tells the instance", () => {
  test.each([
    ["a token of `gitlab`", token("token-of-default"), "default"],
    ["a token of an instance", token("token-of-a"), "a"],
    ["a signature of an instance", signed(whsec(3)), "c"],
    ["a token that nobody asks for beside a right signature", { ...token("x"), ...signed(whsec(3)) }, "c"],
    ["token and signature of one", { ...token("token-of-a"), ...signed(whsec(1)) }, "a"],
    ["nothing", {}, "neither a secret token nor a signature was sent"],
    ["a wrong token", token("guess"), "the secret token is wrong"],
    ["a wrong signature", signed(whsec(9)), "the signature is wrong (mismatch)"],
    ["an old signature", signed(whsec(3), now - 61_000), "the signature is wrong (expired)"],
    [
      "a token of one, a signature of another",
      { ...token("token-of-a"), ...signed(whsec(3)) },
      "the signature is wrong (mismatch)",
    ],
    ["a master secret itself", token("new-master-of-b"), "the secret token is wrong"],
  ])("%s", (_claim, headers, wanted) => {
    expect(judged(headers)).toBe(wanted);
    // What the header says changes nothing.
    expect(judged({ ...headers, ...says(B_URL) })).toBe(wanted);
  });

  const derived = (host: string): string => deriveSecretToken("old-master-of-b", host, "p15");

  test("a secret derived for the address in the settings needs no header", () => {
    expect(judged(token(derived("gitlab.b.dev")), "p15")).toBe("b");
    expect(judged({ ...token(derived("gitlab.b.dev")), ...says("https://elsewhere.dev") }, "p15")).toBe("b");
    expect(judged(signed(deriveSigningToken("new-master-of-b", "gitlab.b.dev", "p15")), "p15")).toBe("b");
  });

  test("a secret derived for another name of the same GitLab is its own too, and only for its hook", () => {
    expect(judged({ ...token(derived("b.internal")), ...says("https://b.internal") }, "p15")).toBe("b");
    expect(judged(token(derived("b.internal")), "p15")).toBe("the secret token is wrong");
    expect(judged(token(derived("gitlab.b.dev")), "p16")).toBe("the secret token is wrong");
  });

  test("no mixture of credentials makes an event one of another instance", () => {
    const owned = new Map<string, readonly (string | null)[]>([
      ["default", ["token-of-default"]],
      ["a", ["token-of-a", whsec(1)]],
      ["c", [whsec(3)]],
    ]);
    fc.assert(
      fc.property(
        fc.constantFrom("token-of-default", "token-of-a", "guess", null),
        fc.constantFrom(whsec(1), whsec(3), whsec(9), null),
        fc.constantFrom(B_URL, "a", "https://gitlab.com", null),
        (sentToken, signing, instance) => {
          const found = judged({
            ...(sentToken === null ? {} : token(sentToken)),
            ...(signing === null ? {} : signed(signing)),
            ...(instance === null ? {} : says(instance)),
          });
          const own = owned.get(found);
          return own === undefined || own.includes(sentToken) || own.includes(signing);
        },
      ),
    );
  });
});

describe("addresses per instance", () => {
  const lists = {
    server: { allowedIps: ["10.0.0.0/8"], trustedProxies: ["0.0.0.0/0"] },
    gitlab: { secretTokens: ["token-of-default"] },
    instances: {
      a: { secretTokens: ["token-of-a"], allowedIps: ["192.0.2.0/24"] },
      b: { secretTokens: ["token-of-b"] },
    },
  };

  test.each([
    ["10.1.1.1", "token-of-default", true],
    ["10.1.1.1", "token-of-b", true],
    ["10.1.1.1", "token-of-a", false],
    ["192.0.2.7", "token-of-a", true],
    ["192.0.2.7", "token-of-b", false],
    ["192.0.2.7", "token-of-default", false],
  ])("from %s with %s", (address, sent, isAllowed) => {
    const senders = createSenders(configOf(lists));
    expect(senders.allowed(address)).toBe(true);
    const proof = senders.claim(token(sent), null).judge(body, now);
    expect(proof.ok && proof.allowed(address)).toBe(isAllowed);
  });

  test("an address that no list has is refused before its credential is looked at", () => {
    expect(createSenders(configOf(lists)).allowed("203.0.113.1")).toBe(false);
  });

  test("without secrets of its own `gitlab` is no sender, and its list lets nobody in", () => {
    const senders = createSenders(
      configOf({ server: { allowedIps: ["10.0.0.0/8"] }, instances: { a: lists.instances.a } }),
    );
    expect(senders.allowed("10.1.1.1")).toBe(false);
    expect(senders.allowed("192.0.2.7")).toBe(true);
  });
});

describe("the ladder with several GitLabs", () => {
  const push = (headers: Record<string, string>) => ({
    headers: { "x-gitlab-event": "Push Hook", "webhook-id": "one", ...headers },
    body,
  });

  test("an address that another instance may send from: 403 for a right credential, 401 for a wrong one", async () => {
    const intake = createIntake({
      ...settings,
      instances: { ...settings.instances, a: { ...settings.instances.a, allowedIps: ["192.0.2.0/24"] } },
    });
    expect(await intake.post(push(token("token-of-a")))).toMatchObject({ status: 403 });
    expect(await intake.post(push(token("guess")))).toMatchObject({ status: 401 });
    expect(await intake.post(push(token("token-of-default")))).toMatchObject({ status: 202 });
    expect(intake.requests.map(([status]) => status)).toEqual(["forbidden", "unauthorized", "accepted"]);
    expect(intake.lines[0]).toMatchObject({ event: "webhook.forbidden", instance: "a" });
  });

  test("ids of different instances never meet, also where they say the same of themselves", async () => {
    const intake = createIntake({
      ...settings,
      instances: { ...settings.instances, d: { secretTokens: ["token-of-d"] } },
    });
    const same = says("https://gitlab.a.dev");
    for (const sent of ["token-of-default", "token-of-a", "token-of-d"]) {
      expect(await intake.post(push({ ...token(sent), ...same }))).toMatchObject({ status: 202 });
      expect(await intake.post(push({ ...token(sent), ...same }))).toMatchObject({ status: 200 });
    }
    expect(intake.queue.stored().map(({ meta }) => meta.instanceName)).toEqual([undefined, "a", "d"]);
    const keys = new Set(await intake.queue.known(["id:https://gitlab.a.dev\n\none"]));
    expect(keys).toEqual(new Set());
  });

  test("a delivery of a named instance is the same whatever it says its address is", async () => {
    const intake = createIntake(settings);
    expect(await intake.post(push({ ...token("token-of-a"), ...says("https://old.dev") }))).toMatchObject({
      status: 202,
    });
    expect(await intake.post(push({ ...token("token-of-a"), ...says("https://new.dev") }))).toMatchObject({
      status: 200,
    });
  });

  test("/known tells an instance of its own deliveries alone", async () => {
    const intake = createIntake(settings);
    await intake.post(push(token("token-of-a")));
    const ask = (sent: string) =>
      intake.post({ path: "/webhooks/gitlab/known", headers: token(sent), body: '{"ids":["one"]}' });
    expect(await ask("token-of-a")).toMatchObject({ body: { known: ["one"] } });
    expect(await ask("token-of-default")).toMatchObject({ body: { known: [] } });
  });
});
