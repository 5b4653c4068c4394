import { describe, expect, test } from "vitest";
import { BARE_MARKER } from "../../helpers/marker.ts";
import { readCommandLine } from "../../../component/options/command-line.ts";
import { loadConfig } from "../../../component/options/load.ts";
import {
  createDesire,
  describe as describeHook,
  eventFlags,
  eventsWithout,
  markerIn,
  type WantedHook,
} from "../../../component/hooks/desired.ts";
import { deriveSecretToken, deriveSigningToken } from "../../../lib/secrets.ts";

const SIGNING = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function wanted(
  env: Record<string, string> = {},
  level: "project" | "group" = "project",
  id = 12,
): WantedHook {
  const config = loadConfig("install", readCommandLine(["install"]), {
    env: {
      HOOKS_GITLAB_URL: "https://gitlab.example.com:8443",
      HOOKS_GROUP: "acme",
      HOOKS_URL: "https://hooks.acme.dev/webhooks/gitlab",
      HOOKS_GITLAB_TOKEN: "glpat-1",
      ...env,
    },
    readFile: () => {
      throw new Error("no such file");
    },
  });
  return createDesire({ ...config, gitlabUrl: String(config.gitlabUrl), url: String(config.url) })(level, id);
}

describe("createDesire()", () => {
  test("wants all events of the level unless some are named", () => {
    expect(Object.values(eventFlags(["all"], "project")).every(Boolean)).toBe(true);
    expect(eventFlags(["all"], "group")).toHaveProperty("subgroup_events", true);
    expect(eventFlags(["all"], "project")).not.toHaveProperty("subgroup_events");
    const flags = eventFlags(["push", "merge_requests"], "project");
    expect(Object.keys(flags).filter((flag) => flags[flag])).toEqual([
      "push_events",
      "merge_requests_events",
    ]);
  });

  test("shared secrets: the relay's address as it is, both tokens", () => {
    const hook = wanted({ GITLAB_WEBHOOK_SECRET: "s1,s0", GITLAB_WEBHOOK_SIGNING_TOKEN: SIGNING });
    expect(hook).toMatchObject({
      url: "https://hooks.acme.dev/webhooks/gitlab",
      token: "s1",
      signingToken: SIGNING,
      managesHidden: true,
    });
  });

  test("a master secret: the hook's key ends the address, tokens are derived with host and port of the instance", () => {
    const env = { GITLAB_WEBHOOK_MASTER_SECRET: "master-new,master-old", GITLAB_WEBHOOK_SECRET: "s1" };
    const project = wanted(env);
    expect(project.url).toBe("https://hooks.acme.dev/webhooks/gitlab/p12");
    expect(project.token).toBe(deriveSecretToken("master-new", "gitlab.example.com:8443", "p12"));
    expect(project.signingToken).toBe(deriveSigningToken("master-new", "gitlab.example.com:8443", "p12"));
    expect(wanted(env, "group", 5).url).toBe("https://hooks.acme.dev/webhooks/gitlab/g5");
    expect(wanted(env, "project", 13).marker.fingerprint).not.toBe(project.marker.fingerprint);
  });

  test("the fingerprint changes with whatever is hidden, and with nothing else", () => {
    const base = { GITLAB_WEBHOOK_SECRET: "s1", HOOKS_CUSTOM_HEADERS: "X-A: 1, X-B: 2" };
    const print = (env: Record<string, string>): string => wanted({ ...base, ...env }).marker.fingerprint;
    const same = print({});
    expect(print({ HOOKS_EVENTS: "push", HOOKS_CONCURRENCY: "2" })).toBe(same);
    expect(print({ HOOKS_CUSTOM_HEADERS: "X-B: 2, X-A: 1" })).toBe(same);
    expect(print({ GITLAB_WEBHOOK_SECRET: "s1,s0" })).toBe(same);
    expect(print({ GITLAB_WEBHOOK_SECRET: "s2" })).not.toBe(same);
    expect(print({ GITLAB_WEBHOOK_SIGNING_TOKEN: SIGNING })).not.toBe(same);
    expect(print({ HOOKS_CUSTOM_HEADERS: "X-A: 1, X-B: 3" })).not.toBe(same);
  });

  test("without secrets and headers what is hidden is not managed", () => {
    expect(wanted().managesHidden).toBe(false);
    expect(wanted({ HOOKS_CUSTOM_HEADERS: "X-A: 1" }).managesHidden).toBe(true);
  });

  test("names of events that the level does not have are told", () => {
    expect(eventsWithout(["push", "member", "all"], "project")).toEqual(["member"]);
    expect(eventsWithout(["deploy_token"], "group")).toEqual(["deploy_token"]);
  });
});

describe("the marker", () => {
  test.each([
    [
      { ...BARE_MARKER, sample: 12, listed: { total: 40, newest: 63, digest: "0badcafe" } },
      "gitlab-hook-relay fp=0123456789abcdef at=12 of=40:63:0badcafe",
    ],
    [
      { ...BARE_MARKER, moving: true, listed: { total: null, newest: 20_000, digest: null } },
      "gitlab-hook-relay fp=0123456789abcdef moving of=:20000:",
    ],
    [BARE_MARKER, "gitlab-hook-relay fp=0123456789abcdef"],
    [{ ...BARE_MARKER, headerNames: "deadbeef" }, "gitlab-hook-relay fp=0123456789abcdef hn=deadbeef"],
    [{ ...BARE_MARKER, moving: true }, "gitlab-hook-relay fp=0123456789abcdef moving"],
    [{ ...BARE_MARKER, sample: 12, moving: true }, "gitlab-hook-relay fp=0123456789abcdef at=12 moving"],
  ])("is written and read", (given, text) => {
    expect(describeHook(given, null)).toBe(text);
    expect(markerIn(text)).toEqual(given);
  });

  test("stands beside what somebody wrote, and is replaced in place", () => {
    const first = describeHook(BARE_MARKER, " Ask #platform ");
    expect(first).toBe("Ask #platform | gitlab-hook-relay fp=0123456789abcdef");
    const second = describeHook({ ...BARE_MARKER, fingerprint: "fedcba9876543210" }, first);
    expect(second).toBe("Ask #platform | gitlab-hook-relay fp=fedcba9876543210");
    expect(describeHook(BARE_MARKER, "x".repeat(2040))).toBe("gitlab-hook-relay fp=0123456789abcdef");
  });

  test.each([null, undefined, "", "gitlab-hook-relay", "gitlab-hook-relay fp=xyz", 7])(
    "is not in %j",
    (text) => {
      expect(markerIn(text)).toBeNull();
    },
  );
});
