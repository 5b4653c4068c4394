import { expect, test } from "vitest";
import { secretAdvice, signatureAdvice } from "../../../relay/config/advice.ts";
import { configSchema } from "../../../relay/config/schema.ts";

const LONG = "a-secret-of-more-than-16";
const WHSEC = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;

test.each([
  [{ gitlab: { secretTokens: ["short"] } }, "gitlab.secretTokens.0", /has 5 characters and can be guessed/],
  [{ gitlab: { secretTokens: [LONG, "15-characters.."] } }, "gitlab.secretTokens.1", /has 15 characters/],
  [{ gitlab: { masterSecret: `${LONG},small` } }, "gitlab.masterSecret", /has 5 characters/],
  [{ admin: { token: "admin" } }, "admin.token", /has 5 characters/],
  [{ gitlab: { secretTokens: ["a-token-with-an-ümlaut"] } }, "gitlab.secretTokens.0", /no header can carry/],
  [
    { gitlab: { secretTokens: ["a-token-with\na-line-end"] } },
    "gitlab.secretTokens.0",
    /no header can carry/,
  ],
  [{ gitlab: { secretTokens: [`${LONG}\t`] } }, "gitlab.secretTokens.0", /white space/],
  [{ admin: { token: ` ${LONG}` } }, "admin.token", /white space/],
])("secretAdvice() on %j", (settings, path, message) => {
  const found = secretAdvice(configSchema.parse(settings));
  expect(found).toEqual([{ path, message: expect.stringMatching(message) }]);
  expect(JSON.stringify(found)).not.toMatch(/short|small|a-secret|ümlaut/);
});

test("secretAdvice() has nothing to say of secrets that are long and plain", () => {
  const settings = {
    gitlab: { secretTokens: [LONG], masterSecret: `${LONG},${LONG}`, signingTokens: [WHSEC] },
  };
  expect(secretAdvice(configSchema.parse(settings))).toEqual([]);
  expect(secretAdvice(configSchema.parse({}))).toEqual([]);
});

const TARGETS = {
  plain: { type: "http", url: "http://t.dev" },
  wrapped: { type: "http", url: "http://t.dev", format: "cloudevents" },
  signed: { type: "http", url: "http://t.dev", signingTokens: [WHSEC] },
  other: { type: "log" },
};

test("signatureAdvice() names the targets that get a signature of GitLab's late, or one that never fits", () => {
  for (const gitlab of [{ signingTokens: [WHSEC] }, { masterSecret: LONG }])
    expect(signatureAdvice(configSchema.parse({ gitlab, targets: TARGETS }))).toEqual([
      { path: "targets.plain.signingTokens", message: expect.stringMatching(/later than 300 seconds/) },
      { path: "targets.wrapped.signingTokens", message: expect.stringMatching(/never fits the CloudEvent/) },
    ]);
  expect(signatureAdvice(configSchema.parse({ targets: TARGETS }))).toEqual([]);
});
