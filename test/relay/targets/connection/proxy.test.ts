import { expect, test } from "vitest";
import { proxyFor } from "../../../../relay/targets/connection/proxy.ts";

const env = { HTTP_PROXY: "http://proxy:3128", HTTPS_PROXY: "https://user:pw@secure:3129" };

test.each([
  ["http://bot.example/x", env, "http://proxy:3128/"],
  ["https://bot.example/x", env, "https://user:pw@secure:3129/"],
  ["http://bot.example/", { http_proxy: "proxy:8080", HTTP_PROXY: "http://other" }, "http://proxy:8080/"],
  ["https://bot.example/", { HTTP_PROXY: "http://proxy:3128" }, null],
  ["https://bot.example/", { ALL_PROXY: "http://all:1" }, "http://all:1/"],
  ["http://bot.example/", { HTTP_PROXY: "socks5://proxy:1" }, null],
  ["http://bot.example/", { HTTP_PROXY: "::" }, null],
  ["http://bot.example/", { ...env, NO_PROXY: "bot.example" }, null],
  ["http://a.bot.example/", { ...env, NO_PROXY: "other, .bot.example" }, null],
  ["http://a.bot.example/", { ...env, no_proxy: "*.bot.example" }, null],
  ["http://robot.example/", { ...env, NO_PROXY: "bot.example" }, "http://proxy:3128/"],
  ["http://bot.example:8080/", { ...env, NO_PROXY: "bot.example:8080" }, null],
  ["http://bot.example/", { ...env, NO_PROXY: "bot.example:8080" }, "http://proxy:3128/"],
  ["https://bot.example/", { ...env, NO_PROXY: "bot.example:443" }, null],
  ["http://[fd00::1]/", { ...env, NO_PROXY: "[fd00::1]" }, null],
  ["http://bot.example/", { ...env, NO_PROXY: "*" }, null],
  ["http://localhost:1/", env, null],
  ["http://127.0.0.5/", env, null],
  ["http://[::1]/", env, null],
  ["http://bot.example/", {}, null],
])("proxyFor() %s with %j is %s", (url, variables, expected) => {
  expect(proxyFor(new URL(url), variables)?.href ?? null).toBe(expected);
});
