import { describe, expect, test } from "vitest";
import { ConfigError } from "../../lib/errors.ts";
import { proxyFor, proxyProblems, proxySecrets, type ProxyEnv } from "../../lib/proxy.ts";

const GITLAB = new URL("https://gitlab.acme.dev/api/v4/projects");

function shown(url: string, env: ProxyEnv): string | null {
  return proxyFor(new URL(url), env)?.shown ?? null;
}

describe("proxyFor() reads a variable as curl does", () => {
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;
  test.each([
    ["proxy.test:3128", "http://proxy.test:3128/", null],
    ["http://proxy.test:3128", "http://proxy.test:3128/", null],
    ["HTTP://proxy.test:3128/ignored?x", "http://proxy.test:3128/", null],
    ["https://proxy.test", "https://proxy.test/", null],
    ["10.0.0.1:8080", "http://10.0.0.1:8080/", null],
    ["[fd00::1]:3128", "http://[fd00::1]:3128/", null],
    [" proxy.test:3128 ", "http://proxy.test:3128/", null],
    ["svc:secret@proxy.test:3128", "http://proxy.test:3128/", basic("svc:secret")],
    ["http://svc:pa#ss/w0rd?@x@proxy.test:3128", "http://proxy.test:3128/", basic("svc:pa#ss/w0rd?@x")],
    ["http://svc:p%40ss%23@proxy.test:3128/", "http://proxy.test:3128/", basic("svc:p@ss#")],
    ["http://svc:100%@proxy.test:3128", "http://proxy.test:3128/", basic("svc:100%")],
    ["http://svc:a:b@proxy.test:3128", "http://proxy.test:3128/", basic("svc:a:b")],
    ["http://token@proxy.test:3128", "http://proxy.test:3128/", basic("token:")],
    ["http://acme%5Csvc:x@proxy.test:3128", "http://proxy.test:3128/", basic("acme\\svc:x")],
  ])("%s", (value, uri, authorization) => {
    expect(proxyFor(GITLAB, { HTTPS_PROXY: value })).toMatchObject({ uri, authorization });
  });

  test.each([
    "http://",
    "http://svc:sesame@",
    "svc:sesame@:3128",
    "http://svc:sesame@proxy.test:port",
    "http://svc:sesame@pro xy:1",
    "socks5://svc:sesame@proxy.test:1080",
    "http://svc:sesame@proxy.test:99999",
  ])("%j is refused without its value", (value) => {
    const env = { HTTPS_PROXY: value };
    expect(() => proxyFor(GITLAB, env)).toThrow(ConfigError);
    const [problem] = proxyProblems(env);
    expect(problem?.path).toBe("HTTPS_PROXY");
    expect(problem?.message).not.toMatch(/sesame|proxy\.test|svc/);
  });
});

test("the variable follows the scheme; lower case wins, an empty one does not count, ALL_PROXY comes last", () => {
  expect(shown("https://a.test", { HTTP_PROXY: "plain:1" })).toBeNull();
  expect(shown("http://a.test", { HTTP_PROXY: "plain:1", HTTPS_PROXY: "tls:2" })).toBe("plain:1");
  expect(shown("https://a.test", { https_proxy: "lower:1", HTTPS_PROXY: "upper:2" })).toBe("lower:1");
  expect(shown("https://a.test", { https_proxy: "", HTTPS_PROXY: "upper:2" })).toBe("upper:2");
  expect(shown("https://a.test", { all_proxy: "all:3" })).toBe("all:3");
  expect(shown("https://a.test", {})).toBeNull();
});

test.each([
  ["*", "https://a.test", true],
  ["b.test,*", "https://a.test", true],
  ["a.test", "https://a.test", true],
  ["A.Test", "https://a.test", true],
  ["a.test.", "https://a.test", true],
  ["a.test", "https://a.test./", true],
  ["test", "https://a.test", true],
  [".test", "https://a.test", true],
  ["*.test", "https://a.test", true],
  ["a.test", "https://ba.test", false],
  ["a.test:8443", "https://a.test", false],
  ["a.test:443", "https://a.test", true],
  ["x.test  a.test", "https://a.test", true],
  ["10.0.0.0/8", "https://10.20.30.40", true],
  ["10.0.0.0/8", "https://11.0.0.1", false],
  ["10.0.0.0/33", "https://10.0.0.1", false],
  ["fd00::/8", "https://[fd00::5]", true],
  ["fd00::5", "https://[fd00::5]", true],
  ["[fd00::5]:8443", "https://[fd00::5]:8443", true],
  ["10.0.0.1", "https://10.0.0.1", true],
  ["", "https://localhost:8443", true],
  ["", "https://127.0.0.2", true],
  ["", "https://[::1]", true],
])("NO_PROXY=%j, %s: direct %j", (list, url, direct) => {
  expect(shown(url, { HTTPS_PROXY: "proxy.test:1", NO_PROXY: list }) === null).toBe(direct);
});

test("proxySecrets() has passwords as they stand there and as they are sent", () => {
  const env = { HTTPS_PROXY: "http://svc:p%40ss@proxy.test:1", HTTP_PROXY: "svc:o#ther@proxy.test:1" };
  expect(new Set(proxySecrets(env))).toEqual(new Set(["p%40ss", "p@ss", "o#ther"]));
  expect(proxySecrets({ HTTPS_PROXY: "proxy.test:1" })).toEqual([]);
});
