import { expect, test } from "vitest";
import { secretAdvice, signatureAdvice } from "../../../relay/config/advice.ts";
import { loadRelaySettings, printedSettings, secretsOf } from "../../../relay/config/load.ts";
import { gitlabNamed } from "../../../relay/config/gitlab.ts";
import { recoveriesOf } from "../../../relay/config/recovery.ts";
import { configSchema } from "../../../relay/config/schema.ts";

const WHSEC = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const SECRET = "a-secret-of-the-instance";

function load(yaml: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  return loadRelaySettings({
    env,
    file: "relay.yaml",
    readFile(path) {
      const text = path === "relay.yaml" ? yaml : files[path];
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    },
  });
}

function problems(yaml: string, env: Record<string, string> = {}): string[] {
  const loaded = load(yaml, env);
  return loaded.ok
    ? []
    : loaded.error.problems.map(({ path, place, message }) => `${place} ${path}: ${message}`);
}

test("instances: each has its own settings, from the file, from the environment and from files that it names", () => {
  const loaded = load(
    `
gitlab: { secretTokens: [${SECRET}] }
instances:
  partner: { url: "https://gitlab.partner.dev/git", secretTokens: ["\${PARTNER}"], allowedIps: [10.0.0.0/8] }
  cloud: { signingTokens: ["${WHSEC}"], masterSecret: "\${CLOUD}", signatureToleranceSeconds: 60, credentials: any }`,
    { PARTNER_FILE: "/run/partner", CLOUD: "the-master-of-the-cloud" },
    { "/run/partner": "the-token-of-the-partner\n" },
  );
  if (!loaded.ok) throw loaded.error;
  const { config } = loaded.settings;
  expect(config.instances).toEqual({
    partner: {
      url: "https://gitlab.partner.dev/git",
      secretTokens: ["the-token-of-the-partner"],
      signingTokens: [],
      masterSecret: "",
      credentials: "all",
      signatureToleranceSeconds: 300,
      pairSystemHooks: false,
      allowedIps: ["10.0.0.0/8"],
    },
    cloud: {
      secretTokens: [],
      signingTokens: [WHSEC],
      masterSecret: "the-master-of-the-cloud",
      credentials: "any",
      signatureToleranceSeconds: 60,
      pairSystemHooks: false,
      allowedIps: [],
    },
  });
  const secrets = secretsOf(config);
  for (const secret of ["the-token-of-the-partner", WHSEC, "the-master-of-the-cloud"]) {
    expect(secrets).toContain(secret);
    expect(printedSettings(config)).not.toContain(secret);
  }
});

test("instances: everything that is wrong is told at once, with its place and without a secret", () => {
  const yaml = `gitlab:
  secretTokens: [${SECRET}]
instances:
  default: { secretTokens: [one-of-the-default], colour: red }
  Up: { signingTokens: [nonsense] }
  a:
    url: https://gitlab.example.com/
    secretTokens: [${SECRET}]
    alowedIps: [10.0.0.0/8]
  b:
    url: http://GitLab.example.com
    masterSecret: "${SECRET}, a-master-of-both"
  c: { masterSecret: a-master-of-both, allowedIps: [nowhere] }
  d: { allowedIps: [10.0.0.0/8], masterSecret: " , " }
  e: { secretTokens: ["****"] }
`;
  const found = problems(yaml);
  expect(found).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^relay.yaml:4:3 instances.default: "default" is the name of the GitLab/),
      expect.stringMatching(/^relay.yaml:4:\d+ instances.default.colour: is not a setting/),
      expect.stringMatching(/^relay.yaml:5:3 instances.Up: an instance's name is 1 to 63 characters/),
      expect.stringMatching(/^relay.yaml:5:\d+ instances.Up.signingTokens.0: must be whsec_/),
      expect.stringMatching(/^relay.yaml:8:\d+ instances.a.secretTokens.0: is also in gitlab.secretTokens.0/),
      expect.stringMatching(
        /^relay.yaml:9:5 instances.a.alowedIps: is not a setting; did you mean "allowedIps"/,
      ),
      expect.stringMatching(/^relay.yaml:11:5 instances.b.url: is the address of instances.a as well/),
      expect.stringMatching(/^relay.yaml:12:5 instances.b.masterSecret: is also in gitlab.secretTokens.0/),
      expect.stringMatching(
        /^relay.yaml:13:\d+ instances.c.masterSecret: is also in instances.b.masterSecret/,
      ),
      expect.stringMatching(/^relay.yaml:13:\d+ instances.c.allowedIps.0: must be an IP address/),
      expect.stringMatching(/^relay.yaml:14:3 instances.d: has none of secretTokens/),
      expect.stringMatching(/^relay.yaml:14:\d+ instances.d.masterSecret: holds no secret/),
      expect.stringMatching(/^relay.yaml:15:\d+ instances.e.secretTokens.0: is masked/),
    ]),
  );
  expect(found).toHaveLength(13);
  expect(found.join()).not.toMatch(/a-secret|a-master|one-of-the-default/);
});

test("instances: a secret of the environment that an instance has as well is told", () => {
  const yaml = `instances: { a: { secretTokens: [${SECRET}] } }`;
  expect(problems(yaml, { GITLAB_WEBHOOK_SECRET: `another-secret,${SECRET}` })).toEqual([
    expect.stringMatching(/^relay.yaml:1:\d+ instances.a.secretTokens.0: is also in gitlab.secretTokens.1/),
  ]);
});

test("instances: the same secret twice in one instance is no mistake, as in a rotation", () => {
  expect(problems(`instances: { a: { secretTokens: [${SECRET}, ${SECRET}] } }`)).toEqual([]);
});

test("secretAdvice() and signatureAdvice() look at every instance", () => {
  const config = configSchema.parse({
    instances: {
      a: { secretTokens: ["short"], signatureToleranceSeconds: 60, signingTokens: [WHSEC] },
      b: { masterSecret: "guess" },
    },
    targets: { bot: { type: "http", url: "https://bot.dev" } },
  });
  expect(secretAdvice(config)).toEqual([
    { path: "instances.a.secretTokens.0", message: expect.stringContaining("has 5 characters") },
    { path: "instances.b.masterSecret", message: expect.stringContaining("has 5 characters") },
  ]);
  expect(signatureAdvice(config)).toEqual([
    { path: "targets.bot.signingTokens", message: expect.stringContaining("later than 60 seconds") },
  ]);
});

test("a rule that names an unknown instance is told with the nearest name", () => {
  const yaml = `instances: { partner: { secretTokens: [${SECRET}] } }
targets:
  bot: { type: log, instances: [partnr, "!default"] }
overrides:
  - { projects: ["a/**"], instances: [elsewhere], targets: { bot: { enabled: false } } }
projectFile: { url: https://gitlab.dev, tokens: [t], instance: Partner }
recovery: { url: https://gitlab.dev, tokens: [t], group: acme, instance: none }
`;
  expect(problems(yaml)).toEqual([
    'relay.yaml:3:33 targets.bot.instances.0: "partnr" is not the name of an instance; did you mean "partner"?',
    'relay.yaml:5:39 overrides.0.instances.0: "elsewhere" is not the name of an instance; known are default, partner',
    expect.stringMatching(/^relay.yaml:7:\d+ recovery.instance: "none" is not the name of an instance/),
    'relay.yaml:6:54 projectFile.instance: "Partner" is not the name of an instance; did you mean "partner"?',
  ]);
});

test("gitlabNamed() gives the secrets of the instance that is named", () => {
  const config = configSchema.parse({
    gitlab: { secretTokens: ["of-the-default"] },
    instances: { partner: { secretTokens: ["of-the-partner"] } },
  });
  expect(gitlabNamed(config, "partner").secretTokens).toEqual(["of-the-partner"]);
  expect(gitlabNamed(config, "default").secretTokens).toEqual(["of-the-default"]);
});

test("recoveriesOf(): each GitLab has its own, at the address of its instance unless it has another", () => {
  const loaded = load(`
gitlab: { secretTokens: [${SECRET}] }
recovery: { url: https://gitlab.dev, tokens: [own-token], group: acme }
instances:
  a: { url: https://a.dev, secretTokens: [a-token-of-a], recovery: { tokens: [read-a], group: acme } }
  b: { secretTokens: [a-token-of-b], recovery: { url: https://b.dev, tokens: [read-b], pipeline: { project: acme/hooks } } }
  c: { secretTokens: [a-token-of-c] }`);
  if (!loaded.ok) throw loaded.error;
  const { config } = loaded.settings;
  expect(recoveriesOf(config)).toMatchObject([
    { instance: "default", url: "https://gitlab.dev", tokens: ["own-token"], group: "acme" },
    { instance: "a", url: "https://a.dev", tokens: ["read-a"], group: "acme", timeLimitSeconds: 3000 },
    {
      instance: "b",
      url: "https://b.dev",
      pipeline: { project: "acme/hooks", description: "gitlab-hook-relay" },
    },
  ]);
  expect(secretsOf(config)).toEqual(expect.arrayContaining(["own-token", "read-a", "read-b"]));
  expect(printedSettings(config)).not.toMatch(/own-token|read-[ab]/);
});

test("instances: a recovery that is named twice, has no address or no way is told", () => {
  const yaml = `recovery: { url: https://gitlab.dev, tokens: [t], group: acme, instance: a }
instances:
  a: { url: https://a.dev, secretTokens: [${SECRET}], recovery: { tokens: [t], group: acme } }
  b: { secretTokens: [a-token-of-b], recovery: { tokens: [t] } }
`;
  expect(problems(yaml)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        /^relay.yaml:3:\d+ instances.a.recovery: is also what recovery.instance is about/,
      ),
      expect.stringMatching(
        /^relay.yaml:4:\d+ instances.b.recovery.url: is missing; set it, or instances.b.url/,
      ),
      expect.stringMatching(/^relay.yaml:4:\d+ instances.b.recovery: needs either group or pipeline/),
    ]),
  );
});
