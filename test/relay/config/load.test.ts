import { expect, test } from "vitest";
import {
  loadRelaySettings,
  printedSettings,
  restartPaths,
  secretsOf,
  withoutRestart,
  type LoadResult,
} from "../../../relay/config/load.ts";
import { configOf } from "../../helpers/intake.ts";

function load(
  env: Record<string, string>,
  files: Record<string, string> = {},
  file: string | null = null,
): LoadResult {
  return loadRelaySettings({
    env,
    file,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return text;
    },
  });
}

function config(...args: Parameters<typeof load>) {
  const loaded = load(...args);
  if (!loaded.ok) throw loaded.error;
  return loaded.settings.config;
}

function problems(...args: Parameters<typeof load>): string[] {
  const loaded = load(...args);
  return loaded.ok ? [] : loaded.error.message.split("\n");
}

test("nothing needs to be configured", () => {
  const loaded = load({});
  expect(loaded).toMatchObject({ ok: true, settings: { file: null, config: configOf() } });
  expect(loaded.ok && [...loaded.settings.inputs]).toEqual([["./relay.yaml", null]]);
});

test("every variable of the environment has its place", () => {
  const signing = `whsec_${Buffer.alloc(32).toString("base64")}`;
  const env = {
    HOST: "0.0.0.0",
    PORT: "9090",
    RELAY_DATA_DIR: "/data",
    REDIS_URL: "redis://r:6379",
    GITLAB_WEBHOOK_SECRET: "one, two",
    GITLAB_WEBHOOK_SIGNING_TOKEN: signing,
    GITLAB_WEBHOOK_MASTER_SECRET: "new,old",
    RELAY_ADMIN_TOKEN: "admin",
    RELAY_TARGET_URL: "https://bot.dev/hook",
    LOG_LEVEL: "debug",
  };
  const wanted = {
    server: { host: "0.0.0.0", port: 9090 },
    gitlab: { secretTokens: ["one", "two"], signingTokens: [signing], masterSecret: "new,old" },
    queue: { driver: "redis", fs: { base: "/data" }, redis: { url: "redis://r:6379" } },
    targets: { default: { type: "http", url: "https://bot.dev/hook" } },
    admin: { token: "admin" },
    log: { level: "debug" },
  };
  expect(config(env)).toMatchObject(wanted);
  const files = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [`/run/${name}`, `${value}\n`]),
  );
  const byFile = Object.fromEntries(Object.keys(env).map((name) => [`${name}_FILE`, `/run/${name}`]));
  expect(config(byFile, files)).toEqual(config(env));
});

test("the file is found: --config, then RELAY_CONFIG, then ./relay.yaml", () => {
  const files = {
    "./relay.yaml": "server: { port: 1 }",
    "/etc/env.yaml": "server: { port: 2 }",
    "/etc/option.yaml": "server: { port: 3 }",
    "/run/name": "/etc/env.yaml\n",
  };
  expect(config({}, files).server.port).toBe(1);
  expect(config({ RELAY_CONFIG: "/etc/env.yaml" }, files).server.port).toBe(2);
  expect(config({ RELAY_CONFIG_FILE: "/run/name" }, files).server.port).toBe(2);
  expect(config({ RELAY_CONFIG: "/etc/env.yaml" }, files, "/etc/option.yaml").server.port).toBe(3);
});

test("a file that was named must be there", () => {
  expect(problems({ RELAY_CONFIG: "/none.yaml" })).toEqual([
    "/none.yaml: cannot read the settings: ENOENT: /none.yaml",
  ]);
  expect(problems({}, {}, "/none.yaml")[0]).toMatch(/^\/none\.yaml: cannot read/);
  expect(problems({ RELAY_CONFIG_FILE: "/none" })[0]).toMatch(/^RELAY_CONFIG: cannot read/);
});

test("RELAY_TARGET_URL beside a target named default is a problem, beside another one not", () => {
  const env = { RELAY_TARGET_URL: "http://a.dev" };
  const fileOf = (name: string) => ({ "./relay.yaml": `targets: { ${name}: { type: log } }` });
  expect(problems(env, fileOf("default"))).toEqual([
    "RELAY_TARGET_URL: is set although the file has targets.default; use one of them",
  ]);
  expect(Object.keys(config(env, fileOf("other")).targets)).toEqual(["other", "default"]);
  expect(problems({ RELAY_TARGET_URL: "ftp://a" })).toEqual([
    "RELAY_TARGET_URL (targets.default.url): must be an http or https URL",
  ]);
});

test.each(["999.1.1.1", "1.2.3.4.5", "localhost:8080", "[::1]", "http://localhost", "a host"])(
  "HOST=%s is no address to listen on",
  (HOST) => {
    expect(problems({ HOST })).toEqual([
      "HOST (server.host): must be an IP address or the name of a host, such as 0.0.0.0",
    ]);
  },
);

test.each(["0.0.0.0", "::", "fe80::1%eth0", "localhost", "relay_1.internal", "10.1.2.3"])(
  "HOST=%s is an address to listen on",
  (HOST) => {
    expect(config({ HOST }).server.host).toBe(HOST);
  },
);

test("a variable of secrets that holds none is a problem", () => {
  const said = "holds no entry, only commas or spaces; give one, or leave the variable unset";
  expect(problems({ GITLAB_WEBHOOK_SECRET: "," })).toEqual([`GITLAB_WEBHOOK_SECRET: ${said}`]);
  expect(problems({ GITLAB_WEBHOOK_SIGNING_TOKEN: " , " })).toEqual([
    `GITLAB_WEBHOOK_SIGNING_TOKEN: ${said}`,
  ]);
  expect(problems({ GITLAB_WEBHOOK_MASTER_SECRET: "," })).toEqual([
    "GITLAB_WEBHOOK_MASTER_SECRET (gitlab.masterSecret): holds no secret, only commas or spaces",
  ]);
});

test("a target without its address is told that it is required", () => {
  expect(problems({}, { "./relay.yaml": "targets: { bot: { type: http } }" })).toEqual([
    "targets.bot.url: is required; it must be an http or https URL (./relay.yaml:1:12)",
  ]);
});

test("every problem at once, with its path, and no value", () => {
  const text = `
server: { port: 70000, allowedIps: [10.0.0.0/40, gitlab.dev] }
gitlab: { signingTokens: [whsec_tooshort] }
targets:
  Bot: { type: http, url: "http://x" }
  ci: { type: http, url: "\${NOWHERE}" }
  pipe: { type: pigeon }
overrides: [{ projects: [a/b], targets: { nobody: { enabled: false } } }]
colour: red
`;
  const found = problems({ LOG_LEVEL: "loud" }, { "./relay.yaml": text });
  for (const wanted of [
    /^targets\.ci\.url: the environment variable NOWHERE is not set/,
    /^server\.port: /,
    /^server\.allowedIps\.0: must be an IP address or a CIDR range/,
    /^server\.allowedIps\.1: /,
    /^gitlab\.signingTokens\.0: must be whsec_/,
    /^targets\.Bot: /,
    /^targets\.pipe\.type: /,
    /^LOG_LEVEL \(log\.level\): /,
    /colour/,
  ])
    expect(found).toContainEqual(expect.stringMatching(wanted));
  for (const value of ["tooshort", "70000", "loud"]) expect(found.join("\n")).not.toContain(value);
});

test("a wrong name or type of a target hides none of its other problems", () => {
  const text = `targets:
  Bad Name: { type: http, url: "ftp://x", timeoutSeconds: -1 }
  typo: { type: htpp, url: "ftp://x", concurency: 2 }
  odd: { type: pigeon, feathers: 7, timeoutSeconds: 0, events: [nothing] }
  none: { concurrency: 0 }
  other: { type: log, formerly: [typo] }
overrides: [{ projects: [a/b], targets: { othr: { enabled: false } } }]
`;
  expect(
    problems({}, { "./relay.yaml": text }).map((line) => line.replace(/ \(\.\/relay\.yaml:\d+:\d+\)$/, "")),
  ).toEqual([
    expect.stringMatching(/^targets\.Bad Name: a target's name is 1 to 63/),
    'targets.typo.type: must be one of http, module, pipeline, nats, log; did you mean "http"?',
    "targets.odd.type: must be one of http, module, pipeline, nats, log",
    "targets.none.type: is missing; it must be one of http, module, pipeline, nats, log",
    'overrides.0.targets.othr: is not the name of a target; did you mean "other"?',
    expect.stringMatching(/^targets\.other\.formerly\.0: "typo" is the name of a target now/),
    "targets.Bad Name.url: must be an http or https URL",
    "targets.Bad Name.timeoutSeconds: must be more than 0",
    "targets.typo.url: must be an http or https URL",
    'targets.typo.concurency: is not a setting; did you mean "concurrency"?',
    "targets.odd.events.0: is not an event that GitLab sends; see docs/events.md",
    "targets.odd.timeoutSeconds: must be more than 0",
    "targets.none.concurrency: must be at least 1",
  ]);
});

test("inputs name every file that took part, also after a failure", () => {
  const files = { "./relay.yaml": 'admin: { token: "${ADMIN}" }', "/run/admin": "abc\n" };
  const loaded = load({ ADMIN_FILE: "/run/admin" }, files);
  expect(loaded.ok && [...loaded.settings.inputs]).toEqual(Object.entries(files));
  const failed = load({ ADMIN_FILE: "/run/none" }, files);
  expect(!failed.ok && [...failed.inputs]).toEqual([
    ["./relay.yaml", files["./relay.yaml"]],
    ["/run/none", null],
  ]);
});

test("printedSettings() is YAML that has every setting and no secret", () => {
  const signing = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const full = configOf({
    gitlab: { secretTokens: ["token-one"], signingTokens: [signing], masterSecret: "master-one" },
    queue: { redis: { url: "rediss://:redis-pass@r:6379" } },
    targets: {
      bot: {
        type: "http",
        url: "https://user:url-pass@bot.dev/x",
        headers: { Authorization: "Bearer bot-token" },
        signingTokens: [signing],
      },
    },
    admin: { token: "admin-token" },
  });
  const text = printedSettings(full);
  for (const secret of [
    "token-one",
    signing,
    "master-one",
    "redis-pass",
    "url-pass",
    "bot-token",
    "admin-token",
  ]) {
    expect(text).not.toContain(secret);
    expect(secretsOf(full)).toContain(secret);
  }
  expect(text).toContain("***@bot.dev/x");
  expect(text).toContain("dedupeSeconds: 604800");
});

test("restartPaths() names what only a restart changes, withoutRestart() keeps it", () => {
  const recovery = { url: "https://gitlab.dev", tokens: ["t"], group: "acme" };
  const partner = { secretTokens: ["a-token-of-the-partner"] };
  const present = configOf({ server: { port: 1 }, instances: { partner: { ...partner, recovery } } });
  const next = configOf({
    recovery,
    instances: { partner, cloud: { secretTokens: ["a-token-of-the-cloud"], recovery } },
    server: { host: "0.0.0.0", port: 2, maxBodyBytes: 5 },
    queue: { driver: "redis", fs: { maxBytes: 2_000_000 }, dedupeSeconds: 1, retain: { deadSeconds: 5 } },
    targets: { a: { type: "log" } },
  });
  expect(restartPaths(present, next)).toEqual([
    "server.host",
    "server.port",
    "recovery",
    "instances.partner.recovery",
    "instances.cloud.recovery",
    "queue.driver",
    "queue.fs.maxBytes",
    "queue.dedupeSeconds",
  ]);
  const inForce = withoutRestart(present, next);
  expect(inForce.server).toMatchObject({ host: "127.0.0.1", port: 1, maxBodyBytes: 5 });
  expect(inForce.queue).toEqual({ ...present.queue, retain: next.queue.retain });
  expect(Object.keys(inForce.targets)).toEqual(["a"]);
  expect(inForce.instances["partner"]?.recovery?.group).toBe("acme");
  expect(inForce.instances["cloud"]).not.toHaveProperty("recovery");
  expect(restartPaths(present, inForce)).toEqual([]);
});
