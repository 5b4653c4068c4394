import { expect, test } from "vitest";
import {
  createFingerprint,
  deriveSecretToken,
  deriveSigningToken,
  groupHookKey,
  isHookKey,
  projectHookKey,
  splitSecrets,
  SYSTEM_HOOK_KEY,
} from "../../lib/secrets.ts";
import { decodeSigningToken } from "../../lib/signature.ts";

const master = "correct horse battery staple";

/** Computed with another language's HMAC: key, host, secret token, signing token. */
const vectors = [
  [
    "p278964",
    "gitlab.acme.dev",
    "7KeS-6FNVE9ZfLFIt6wkUpcJmoNj9XcrJ-XQ5vTlzr4",
    "whsec_bGfP6THCX5aC/vESTHQrNAByKU/s24E/ssPe8mrYg9A=",
  ],
  [
    "p278964",
    "gitlab.acme.dev:8443",
    "FluoATc1hEImphPSZEphlF99liDBO_FS2nYMf0Bkot8",
    "whsec_LEl+dvWy1LYlLp6iHJUzWiMxGo8aV17kTnYMMCg4qkw=",
  ],
  [
    "g9970",
    "gitlab.acme.dev",
    "z-P_Y3SrdqiktG5BFPawWn91_1Sp6satEzNsuGP6zMQ",
    "whsec_+2lYKOC14rA02miDQxQiDTDt+km1MguJNm8KsFSy4Ik=",
  ],
  [
    "g9970",
    "gitlab.acme.dev:8443",
    "ZDh7WaI70J7wowZbcq7f-iLvXwGXBci4_GsNMnoYZUg",
    "whsec_xoisnn2i1Z2ezr69mMWTDcQQKqxiY37XJZZyayxImdw=",
  ],
] as const;

test.each(vectors)("secrets of %s at %s are the published ones", (key, host, token, signing) => {
  expect(deriveSecretToken(master, host, key)).toBe(token);
  expect(deriveSigningToken(master, host, key)).toBe(signing);
  expect(decodeSigningToken(signing)).toHaveLength(32);
});

test("another master gives other secrets", () => {
  expect(deriveSecretToken(`${master}!`, "gitlab.acme.dev", "p278964")).not.toBe(vectors[0][2]);
});

test.each(["p1", "g42", "p9999999999999999999", SYSTEM_HOOK_KEY])("isHookKey() takes %s", (key) => {
  expect(isHookKey(key)).toBe(true);
});

test.each([
  "",
  "p",
  "p0",
  "p01",
  "x1",
  "xp1",
  "p1 system",
  "P1",
  "p1 ",
  "p1\n",
  "known",
  "s",
  "System",
  "p-1",
  "p99999999999999999999",
])("isHookKey() refuses %j", (key) => {
  expect(isHookKey(key)).toBe(false);
});

test("hook keys name project and group", () => {
  expect(projectHookKey(278964)).toBe("p278964");
  expect(groupHookKey(9970)).toBe("g9970");
});

test("splitSecrets() drops blanks and empty items", () => {
  expect(splitSecrets(" new , old,,  ")).toEqual(["new", "old"]);
  expect(splitSecrets("")).toEqual([]);
});

test("a fingerprint stays what it is in every version: hooks carry it", () => {
  expect(createFingerprint(["a master secret", "another"])(["p1", "https://relay.example/p1"])).toBe(
    "064d96fa868dbeba",
  );
});

test("createFingerprint() tells sets of values apart without showing them", () => {
  const fingerprint = createFingerprint([master]);
  expect(fingerprint(["a", "b"])).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprint(["a", "b"])).toBe(createFingerprint([master])(["a", "b"]));
  expect(fingerprint(["a", "b"])).not.toBe(fingerprint(["ab"]));
  expect(fingerprint(["a", "b"])).not.toBe(createFingerprint(["other"])(["a", "b"]));
});
