import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Webhook } from "standardwebhooks";
import { decodeSigningToken, sign, verify } from "../../lib/signature.ts";

const token = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const key = decodeSigningToken(token) as Uint8Array;
const body = Buffer.from('{"object_kind":"push","größe":"🖼️"}');
const at = 1_768_478_400;

function signed(keys: readonly Uint8Array[], id = "msg_1", timestamp = at) {
  return { id, timestamp: String(timestamp), signature: sign(keys, id, timestamp, body) };
}

test("sign() gives the bytes of the reference library", () => {
  for (const size of [24, 32, 64]) {
    const secret = `whsec_${randomBytes(size).toString("base64")}`;
    const reference = new Webhook(secret).sign("msg_2", new Date(at * 1000), body.toString());
    expect(sign([decodeSigningToken(secret) as Uint8Array], "msg_2", at, body)).toBe(reference);
  }
});

test("sign() gives the value of the specification's example", () => {
  const example = Buffer.from('{"test": 2432232314}');
  expect(sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, example)).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("the reference library takes what sign() gives with several keys", () => {
  const now = Math.floor(Date.now() / 1000);
  const other = randomBytes(32);
  const headers = {
    "webhook-id": "msg_3",
    "webhook-timestamp": String(now),
    "webhook-signature": sign([other, key], "msg_3", now, body),
  };
  expect(new Webhook(token).verify(body.toString(), headers)).toEqual(JSON.parse(body.toString()));
});

test("verify() takes any of several keys and any of several signatures", () => {
  const old = randomBytes(32);
  expect(verify([old, key], signed([key]), body, { receivedAt: at * 1000, toleranceSeconds: 300 })).toBe(
    "valid",
  );
  expect(verify([key], signed([old, key]), body, { receivedAt: at * 1000, toleranceSeconds: 300 })).toBe(
    "valid",
  );
  expect(verify([old], signed([key]), body, { receivedAt: at * 1000, toleranceSeconds: 300 })).toBe(
    "mismatch",
  );
  expect(verify([], signed([key]), body, { receivedAt: at * 1000, toleranceSeconds: 300 })).toBe("mismatch");
});

test("verify() notices any changed part", () => {
  const good = signed([key]);
  const flipped = Buffer.from(body);
  flipped[3] = (flipped[3] as number) ^ 1;
  expect(verify([key], good, flipped, { receivedAt: at * 1000, toleranceSeconds: 300 })).toBe("mismatch");
  expect(
    verify([key], { ...good, id: "msg_9" }, body, { receivedAt: at * 1000, toleranceSeconds: 300 }),
  ).toBe("mismatch");
  expect(
    verify([key], { ...good, timestamp: String(at + 1) }, body, {
      receivedAt: at * 1000,
      toleranceSeconds: 300,
    }),
  ).toBe("mismatch");
});

test.each([
  [299, "valid"],
  [300, "valid"],
  [301, "expired"],
  [-300, "valid"],
  [-301, "expired"],
] as const)("verify() of a signature that is %i s old is %s", (age, verdict) => {
  expect(verify([key], signed([key]), body, { receivedAt: (at + age) * 1000, toleranceSeconds: 300 })).toBe(
    verdict,
  );
});

test.each([
  ["no signature", { signature: "" }],
  ["another scheme", { signature: "v1a,abc" }],
  ["a timestamp in words", { timestamp: "yesterday" }],
  ["a timestamp with a sign", { timestamp: "-5" }],
  ["an endless timestamp", { timestamp: "9".repeat(400) }],
  ["no timestamp", { timestamp: "" }],
  ["no id", { id: "", signature: sign([key], "", at, body) }],
])("verify() of %s is malformed", (_claim, change) => {
  expect(
    verify([key], { ...signed([key]), ...change }, body, { receivedAt: at * 1000, toleranceSeconds: 300 }),
  ).toBe("malformed");
});

test("verify() takes base64 as the reference libraries do: standard letters, whole padding, nothing else", () => {
  // Of many timestamps: one whose signature has letters that the two alphabets write differently.
  const letters = Array.from({ length: 100 }, (_, second) => at + second).find((second) =>
    /[+/]/.test(sign([key], "msg_1", second, body).slice(3)),
  ) as number;
  const good = sign([key], "msg_1", letters, body);
  const check = (signature: string): string =>
    verify([key], { id: "msg_1", timestamp: String(letters), signature }, body, {
      receivedAt: letters * 1000,
      toleranceSeconds: 300,
    });
  expect(check(good)).toBe("valid");
  expect(check(good.replaceAll("+", "-").replaceAll("/", "_"))).toBe("mismatch");
  expect(check(good.replace("=", ""))).toBe("mismatch");
  expect(check(`${good}=`)).toBe("mismatch");
  expect(check(good.replace("v1,", "v1,\n"))).toBe("mismatch");
  expect(check(`${good.slice(0, 20)}.${good.slice(20)}`)).toBe("mismatch");
  // The last letter before the padding has bits that a decoder drops.
  const last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const twin = last[last.indexOf(good.at(-2) as string) ^ 1] as string;
  expect(check(`${good.slice(0, -2)}${twin}=`)).toBe("mismatch");
});

test("verify() of a signature that is no base64, too short or too long is a mismatch", () => {
  for (const signature of ["v1,%%%", "v1,", "v1,AAAA", `v1,${"A".repeat(1000)}`])
    expect(
      verify([key], { ...signed([key]), signature }, body, { receivedAt: at * 1000, toleranceSeconds: 300 }),
    ).toBe("mismatch");
});

test.each([
  ["without prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
  ["with url-safe letters", `whsec_${"_-".repeat(16)}`],
  ["without padding", `whsec_${Buffer.alloc(32).toString("base64").replace("=", "")}`],
  ["of 23 bytes", `whsec_${Buffer.alloc(23).toString("base64")}`],
  ["of 65 bytes", `whsec_${Buffer.alloc(65).toString("base64")}`],
  ["with a line end", `${token}\n`],
  ["empty", ""],
])("decodeSigningToken() refuses a token %s", (_claim, text) => {
  expect(decodeSigningToken(text)).toBeNull();
});

test.each([
  ["another prefix", `wxsec_${"A".repeat(32)}`, null],
  ["no prefix", "A".repeat(32), null],
  ["23 bytes", `whsec_${Buffer.alloc(23).toString("base64")}`, null],
  ["24 bytes", `whsec_${Buffer.alloc(24).toString("base64")}`, 24],
  ["64 bytes", `whsec_${Buffer.alloc(64).toString("base64")}`, 64],
  ["65 bytes", `whsec_${Buffer.alloc(65).toString("base64")}`, null],
])("decodeSigningToken() of %s", (_what, text, length) => {
  expect(decodeSigningToken(text)?.length ?? null).toBe(length);
});
