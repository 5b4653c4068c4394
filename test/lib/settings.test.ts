import { expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../../lib/errors.ts";
import { readVariable, type Env } from "../../lib/env.ts";
import { readSettings, type EnvBinding } from "../../lib/settings.ts";
import { jsonSchemaOf } from "../../lib/settings-schema.ts";
import { maskedSettings, secretValues } from "../../lib/settings-secrets.ts";

const schema = z.strictObject({
  port: z.number().int().max(65535).default(8080),
  verbose: z.boolean().default(false),
  tokens: z.array(z.string().min(3).meta({ secret: true })).default([]),
  hosts: z
    .record(
      z.string(),
      z.strictObject({ url: z.url(), password: z.string().meta({ secret: true }).optional() }),
    )
    .default({}),
  driver: z.enum(["fs", "redis"]).default("fs"),
});
const bindings: readonly EnvBinding[] = [
  { name: "PORT", path: ["port"], as: "number" },
  { name: "VERBOSE", path: ["verbose"], as: "boolean" },
  { name: "TOKENS", path: ["tokens"], as: "list" },
  {
    name: "REDIS",
    path: ["hosts", "redis", "url"],
    as: "text",
    also: [{ path: ["driver"], value: "redis" }],
  },
  { name: "MAIN_URL", path: ["hosts", "main", "url"], as: "text", instead: ["hosts", "main"] },
];

function load(text: string | null, env: Env = {}, files: Record<string, string> = {}) {
  const read = readSettings(schema, {
    file: text === null ? null : { path: "app.yaml", text },
    env,
    bindings,
    readFile(path) {
      const found = files[path];
      if (found === undefined) throw new Error("ENOENT: no such file");
      return found;
    },
  });
  if (read.settings === null) throw new ConfigError(read.problems);
  return read.settings;
}

function problems(...args: Parameters<typeof load>): string[] {
  try {
    load(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((p) => `${p.path}: ${p.message}`);
    throw error;
  }
  return [];
}

test("readSettings() without file and environment gives the defaults", () => {
  expect(load(null)).toEqual({ port: 8080, verbose: false, tokens: [], hosts: {}, driver: "fs" });
  expect(load("# nothing but a comment\n").port).toBe(8080);
});

test("the environment wins over the file, an empty variable does not", () => {
  expect(load("port: 1", { PORT: "2" }).port).toBe(2);
  expect(load("port: 1", { PORT: "" }).port).toBe(1);
  expect(load("tokens: [old]", { TOKENS: " one, two ,," }).tokens).toEqual(["one", "two"]);
});

test.each([
  ["true", true],
  ["1", true],
  ["YES", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["No", false],
  ["off", false],
])("a boolean variable may say %s", (text, wanted) => {
  expect(load(null, { VERBOSE: text }).verbose).toBe(wanted);
});

test("NAME_FILE gives the text of a file, without its line end", () => {
  expect(load(null, { TOKENS_FILE: "/run/t" }, { "/run/t": "abc,def\n" }).tokens).toEqual(["abc", "def"]);
  expect(load(null, { PORT_FILE: "/run/p" }, { "/run/p": "99\r\n" }).port).toBe(99);
  expect(load("port: 7", { PORT_FILE: "/run/p" }, { "/run/p": "\n" }).port).toBe(7);
});

test("readVariable() refuses NAME beside NAME_FILE, and a file that is not there", () => {
  expect(problems(null, { PORT: "1", PORT_FILE: "/run/p" })).toEqual([
    "PORT: set either PORT or PORT_FILE, not both",
  ]);
  expect(problems(null, { PORT_FILE: "/run/p" })).toEqual([
    'PORT: cannot read PORT_FILE "/run/p": ENOENT: no such file',
  ]);
  expect(readVariable("X", { env: { X: "", X_FILE: "" }, readFile: () => "y" })).toBeUndefined();
});

test("strings of the file may hold ${NAME}, also from a file", () => {
  const text = 'hosts: { a: { url: "http://${HOST}/${PATH_PART}" } }\ntokens: ["${T}"]';
  const loaded = load(text, { HOST: "a.dev", PATH_PART: "x", T_FILE: "/t" }, { "/t": "secret\n" });
  expect(loaded.hosts["a"]?.url).toBe("http://a.dev/x");
  expect(loaded.tokens).toEqual(["secret"]);
});

test("every problem is listed at once, with its place and without values", () => {
  const text = "port: many\ncolour: red\ntokens: [ok1, x]\nhosts: { a: { url: '${NOWHERE}' } }";
  const found = problems(text, { VERBOSE: "perhaps", TOKENS_FILE: "/none" });
  expect(found).toEqual([
    "hosts.a.url: the environment variable NOWHERE is not set",
    'TOKENS: cannot read TOKENS_FILE "/none": ENOENT: no such file',
    expect.stringMatching(/^port: .*number/),
    expect.stringMatching(/^VERBOSE \(verbose\): .*boolean/),
    expect.stringMatching(/^tokens\.1: .*3 char/),
    expect.stringMatching(/^hosts\.a\.url: /),
    expect.stringMatching(/colour/),
  ]);
  for (const value of ["many", "perhaps", "red"]) expect(found.join("\n")).not.toContain(value);
});

test("a problem of a list from the environment names the variable", () => {
  expect(problems(null, { TOKENS: "abc,x" })).toEqual([expect.stringMatching(/^TOKENS \(tokens\.1\): /)]);
});

test.each([
  ["a broken file", "port: [1", /^app\.yaml:\d+:\d+: /],
  ["a list", "- 1", /^app\.yaml: must be a mapping/],
  ["a text", "hello", /^app\.yaml: must be a mapping/],
  ["a key twice", "port: 1\nport: 2", /^app\.yaml:2:1: .*unique/],
  [
    "an alias bomb",
    `a: &a [${"x,".repeat(9)}x]\nb: &b [${"*a,".repeat(9)}*a]\nc: &c [${"*b,".repeat(9)}*b]\nd: [*c,*c]`,
    /^app\.yaml: .*alias/i,
  ],
])("%s is a problem with a place", (_claim, text, wanted) => {
  expect(problems(text)[0]).toMatch(wanted);
});

test("a key named __proto__ changes nothing", () => {
  expect(problems('{"__proto__": {"port": 1}}').length).toBeGreaterThan(0);
  expect(({} as { port?: number }).port).toBeUndefined();
});

test("a variable may say more than its own value, and stand instead of a part of the file", () => {
  expect(load("driver: fs", { REDIS: "redis://r" })).toMatchObject({
    driver: "redis",
    hosts: { redis: { url: "redis://r" } },
  });
  expect(load(null, { MAIN_URL: "http://m" }).hosts).toEqual({ main: { url: "http://m" } });
  expect(problems("hosts: { main: { url: 'http://f' } }", { MAIN_URL: "http://m" })).toEqual([
    "MAIN_URL: is set although the file has hosts.main; use one of them",
  ]);
});

const full = {
  port: 1,
  verbose: true,
  tokens: ["first-token"],
  hosts: {
    a: { url: "https://user:pa%40ss@a.dev/x?y=1", password: "Bearer abc123" },
    b: { url: "http://plain.dev", password: "one, two" },
    c: { url: "redis://:only-pass@c", password: "" },
  },
  driver: "fs",
};

test("maskedSettings() masks marked fields and user info of URLs, and nothing else", () => {
  expect(maskedSettings(schema, full)).toEqual({
    ...full,
    tokens: ["***"],
    hosts: {
      a: { url: "https://***@a.dev/x?y=1", password: "***" },
      b: { url: "http://plain.dev", password: "***" },
      c: { url: "redis://***@c", password: "" },
    },
  });
});

test("secretValues() has each secret whole and in the parts that may turn up alone", () => {
  const found = secretValues(schema, full);
  for (const part of [
    "first-token",
    "user:pa%40ss",
    "user:pa@ss",
    "pa%40ss",
    "pa@ss",
    "Bearer abc123",
    "abc123",
    "one",
    "two",
    "only-pass",
  ])
    expect(found).toContain(part);
  for (const harmless of ["", "Bearer", "user", "http://plain.dev"]) expect(found).not.toContain(harmless);
});

test("secretValues() takes user info out of a field that is a secret as a whole, broken escapes included", () => {
  const inner = z.strictObject({ url: z.string().meta({ secret: true }) });
  expect(secretValues(inner, { url: "redis://u:p%zz@h" })).toEqual(
    expect.arrayContaining(["u:p%zz", "p%zz"]),
  );
});

test("jsonSchemaOf() describes what a user may write", () => {
  const json = jsonSchemaOf(schema);
  expect(json.properties?.["tokens"]?.items?.secret).toBe(true);
  expect(json["required"]).toBeUndefined();
});

function places(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    return (error as ConfigError).problems.map(({ path, place }) => `${path} ${place}`);
  }
  return [];
}

test("a problem has its line and column in the file, or those of what is around it", () => {
  expect(
    places("port: 8080\nverbose: 3\nhosts:\n  a:\n    url: x\n    pasword: y\ntokens:\n  - abc\n  - z\n"),
  ).toEqual([
    "verbose app.yaml:2:1",
    "tokens.1 app.yaml:9:5",
    "hosts.a.url app.yaml:5:5",
    "hosts.a.pasword app.yaml:6:5",
  ]);
  expect(places("driver: fs\nhosts: &all { a: { password: b } }\n")).toEqual(["hosts.a.url app.yaml:2:15"]);
});

test("what came from the environment has no place in the file", () => {
  try {
    load("port: 8080\n", { PORT: "many" });
  } catch (error) {
    expect((error as ConfigError).problems).toEqual([
      { path: "PORT (port)", message: "must be a number, not a text" },
    ]);
  }
  expect.assertions(1);
});

test.each([
  ["prot: 1", 'prot: is not a setting; did you mean "port"?'],
  ["Verbose: true", 'Verbose: is not a setting; did you mean "verbose"?'],
  ["zzzzzzzz: 1", "zzzzzzzz: is not a setting; known here are port, verbose, tokens, hosts, driver"],
  [
    "hosts: { a: { url: 'http://x', passwort: y } }",
    'hosts.a.passwort: is not a setting; did you mean "password"?',
  ],
  ["driver: Redis", 'driver: must be one of fs, redis; did you mean "redis"?'],
  ["driver: zoo", "driver: must be one of fs, redis"],
  ["port: 1.5", "port: must be a whole number, not a number"],
  ["port: 70000", "port: must be at most 65535"],
  ["port:", "port: must be a number, not empty"],
  ["verbose: 'yes'", "verbose: must be true or false (a boolean), not a text"],
  ["tokens: abc", "tokens: must be a list, not a text"],
  ["tokens: [ab]", "tokens.0: must have at least 3 characters"],
  ["hosts: { a: {} }", "hosts.a.url: is missing; it must be a text"],
  ["hosts: { a: { url: nowhere } }", "hosts.a.url: must be a URL, such as https://host.example/path"],
  ["hosts: [1]", "hosts: must be a mapping of names to values, not a list"],
])("%s is told in plain words", (text, wanted) => {
  expect(problems(text)).toEqual([wanted]);
});

test.each([
  ["tokens: ['***']", {}, "tokens.0"],
  ["hosts: { a: { url: 'http://x', password: 'Bearer ***' } }", {}, "hosts.a.password"],
  ["hosts: { a: { url: 'http://user:***@x/' } }", {}, "hosts.a.url"],
  ["hosts: { a: { url: 'http://***@x/' } }", {}, "hosts.a.url"],
  ["hosts: { a: { url: 'http://x/?token=***' } }", {}, "hosts.a.url"],
  ["hosts: { a: { url: 'http://x', password: '[MASKED]' } }", {}, "hosts.a.password"],
  ["hosts: { a: { url: 'http://x', password: '${PASS}' } }", { PASS: "********" }, "hosts.a.password"],
  [null, { TOKENS: "good-token,***" }, "TOKENS (tokens.1)"],
])("a mask in place of a secret is refused: %s %j", (text, env, path) => {
  expect(problems(text, env)).toEqual([expect.stringMatching(/is masked, as in a log/)]);
  expect(problems(text, env)[0]).toContain(`${path}: `);
});

test.each(["abc***def", "***@", "a***"])("stars that are part of a secret are left alone: %s", (secret) => {
  expect(load(null, { TOKENS: secret }).tokens).toEqual([secret]);
});

test("parameters of a URL that look like secrets are masked, and harmless ones are shown", () => {
  const made = "a8f3k2m9x7c4v1b6";
  const url = `https://h.dev/x?env=production&token=short1&private_token=${made}&x=${made}%3D&auth=true&n=1#top`;
  const settings = { hosts: { a: { url } } };
  expect(maskedSettings(schema, settings)).toEqual({
    hosts: {
      a: { url: "https://h.dev/x?env=production&token=***&private_token=***&x=***&auth=true&n=1#top" },
    },
  });
  const found = secretValues(schema, settings);
  for (const secret of ["short1", made, `${made}%3D`, `${made}=`]) expect(found).toContain(secret);
  for (const harmless of ["production", "true", "1"]) expect(found).not.toContain(harmless);
});
