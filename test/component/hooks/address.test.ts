import { expect, test } from "vitest";
import { bareAddress, normalisedUrl, withHookKey, withoutHookKey } from "../../../component/hooks/address.ts";
import { RELAY_URL, runInstaller } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";
import type { Project } from "../../simulator/model.ts";

test.each([
  ["https://hooks.acme.dev/webhooks/gitlab", "https://HOOKS.acme.dev:443/webhooks/gitlab/"],
  ["http://hooks.acme.dev/webhooks/gitlab", "HTTP://hooks.acme.dev:80/webhooks/gitlab"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev./webhooks/gitlab"],
  ["https://hooks.acme.dev:8443/a", "https://hooks.acme.dev.:8443/a"],
  ["https://bücher.example/a", "https://xn--bcher-kva.example/a"],
  ["https://BÜCHER.example/a", "https://b%C3%BCcher.example/a"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/%77ebhooks/gitl%61b"],
  ["https://hooks.acme.dev/a%2fb", "https://hooks.acme.dev/a%2Fb"],
  ["https://hooks.acme.dev/é", "https://hooks.acme.dev/%c3%a9"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev//webhooks//gitlab//"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/x/../webhooks/./gitlab"],
  ["https://hooks.acme.dev/a?team=%7Eone", "https://hooks.acme.dev/a?team=~one"],
  ["https://hooks.acme.dev/a", "https://hooks.acme.dev/a?#"],
  ["http://[::1]/a", "http://[0:0:0:0:0:0:0:1]:80/a"],
  ["http://127.0.0.1/a", "http://0x7f.1/a"],
])("bareAddress(): %s and %s are one address", (a, b) => {
  expect(bareAddress(a)).not.toBeNull();
  expect(bareAddress(a)).toBe(bareAddress(b));
});

test.each([
  ["https://hooks.acme.dev/webhooks/gitlab", "http://hooks.acme.dev/webhooks/gitlab"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/webhooks/GitLab"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/webhooks%2Fgitlab"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/webhooks/github"],
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/webhooks/gitlab/p7"],
  ["https://hooks.acme.dev/a%3Fb", "https://hooks.acme.dev/a?b"],
  ["https://hooks.acme.dev/a", "https://hooks.acme.dev.evil.example/a"],
  ["https://hooks.acme.dev/a", "https://hooks.acme.dev:8443/a"],
  ["https://hooks.acme.dev/a?team=1", "https://hooks.acme.dev/a?team=2"],
  ["https://hooks.acme.dev/a?x=%26", "https://hooks.acme.dev/a?x=&"],
])("bareAddress(): %s and %s are two addresses", (a, b) => {
  expect(bareAddress(a)).not.toBe(bareAddress(b));
});

test.each([
  ["https://hooks.acme.dev/webhooks/gitlab", "https://hooks.acme.dev/webhooks/gitlab/p12"],
  ["https://hooks.acme.dev/webhooks/gitlab/g7", "https://hooks.acme.dev/webhooks/gitlab/p12/"],
  ["https://hooks.acme.dev", "https://hooks.acme.dev/"],
])("normalisedUrl(): %s and %s are of one relay", (a, b) => {
  expect(normalisedUrl(a)).toBe(normalisedUrl(b));
});

test.each([
  ["https://hooks.acme.dev/p012", "https://hooks.acme.dev"],
  ["https://hooks.acme.dev", "{mask}"],
])("normalisedUrl(): %s and %s are not", (a, b) => {
  expect(normalisedUrl(a)).not.toBe(normalisedUrl(b));
});

test("withHookKey() puts the key at the end of the path and keeps the query; withoutHookKey() takes it away", () => {
  const keyed = "https://h.dev/webhooks/gitlab/p3?x=1";
  expect(withHookKey("https://h.dev/webhooks/gitlab/?x=1", "p3")).toBe(keyed);
  expect(withoutHookKey(keyed)).toBe("https://h.dev/webhooks/gitlab?x=1");
});

test("install: a hook whose address somebody wrote in another spelling is put right, and its neighbour is left alone", async () => {
  const sim = await openSimulator({ tier: "free" });
  const { projects } = sim.seed.tree({ projects: 2 });
  const [ours, foreign] = projects as [Project, Project];
  sim.model.addHook(ours, "https://Hooks.ACME.dev.:443//webhooks/git%6cab/");
  const other = sim.model.addHook(foreign, "https://hooks.acme.dev/webhooks%2Fgitlab");
  const before = JSON.stringify(sim.inspect(other));
  const run = await runInstaller(sim);
  expect(run.report.results.map(({ action }) => action)).toEqual(["update", "create"]);
  expect(ours.hooks.map(({ url }) => url)).toEqual([RELAY_URL]);
  expect(JSON.stringify(sim.inspect(other))).toBe(before);
  expect((await runInstaller(sim)).report.summary).toMatchObject({ unchanged: 2, created: 0, updated: 0 });
});
