/** What a plan keeps of a hook's marker, and what it shows of a hook that somebody changed. */
import { describe, expect, test } from "vitest";
import { describe as describeHook, type Marker, type WantedHook } from "../../../component/hooks/desired.ts";
import type { Hook } from "../../../component/gitlab/types.ts";
import { BARE_MARKER } from "../../helpers/marker.ts";
import { healthy, planHook, wantedStrategy } from "../../../component/hooks/plan.ts";

const URL_OF_RELAY = "https://hooks.acme.dev/webhooks/gitlab";
const OTHER = "https://old.acme.dev/webhooks/gitlab";

function want(change: Partial<WantedHook> = {}): WantedHook {
  const shown = { name: "gitlab-hook-relay", push_events: true, push_events_branch_filter: "" };
  return {
    url: URL_OF_RELAY,
    shown,
    token: "secret",
    signingToken: null,
    headers: {},
    marker: BARE_MARKER,
    managesHidden: true,
    removesSecrets: false,
    ...change,
  };
}

function hook(mark: Partial<Marker> = {}, change: Record<string, unknown> = {}): Hook {
  const description = describeHook({ ...BARE_MARKER, ...mark }, null);
  return { id: 1, url: URL_OF_RELAY, ...want().shown, description, token_present: true, ...change };
}

function plan(wanted: WantedHook, present: Hook, dryRun = false) {
  return planHook(wanted, [present], { signingIgnored: false, dryRun }, URL_OF_RELAY);
}

const listed = { total: 3, newest: 9, digest: "00112233" };
const nothingHeld = want({ token: null, managesHidden: false });

describe("the marker", () => {
  test("keeps what the hook remembers of its group, unless this run has seen it anew", () => {
    const present = hook({ sample: 7, listed });
    expect(plan(want(), present).marker).toMatchObject({ sample: 7, listed });
    const seen = { sample: 8, listed: { ...listed, newest: 12 } };
    expect(plan(want({ marker: { ...BARE_MARKER, ...seen } }), present).marker).toMatchObject(seen);
  });

  test("is the wanted one where the run holds everything, or the hook carries nothing", () => {
    const fingerprint = "f".repeat(16);
    const marker = { ...BARE_MARKER, fingerprint };
    expect(plan(want({ marker }), hook()).marker.fingerprint).toBe(fingerprint);
    const carriesNothing = hook({}, { token_present: false, signing_token_present: false });
    expect(plan({ ...nothingHeld, marker }, carriesNothing).marker.fingerprint).toBe(fingerprint);
    expect(plan({ ...nothingHeld, marker }, hook()).marker.fingerprint).toBe(BARE_MARKER.fingerprint);
    // Of two secrets the run holds one: what it writes is told, what it lacks keeps its mark.
    const headers = hook({ headerNames: "aabbccdd" });
    expect(plan(want({ marker }), headers).marker).toMatchObject({ fingerprint, headerNames: "aabbccdd" });
  });

  test("says that events are left to a system hook exactly where they are", () => {
    const beside = { ...BARE_MARKER, besideSystem: true as const };
    expect(plan({ ...nothingHeld, marker: beside }, hook()).marker).toHaveProperty("besideSystem", true);
    expect(plan(nothingHeld, hook()).marker).not.toHaveProperty("besideSystem");
  });

  test.each([
    [true, false, true],
    [true, true, false],
    [false, false, false],
    [false, true, false],
  ])("leavesSystem: was beside one %s, is to be %s -> %s", (was, isToBe, leaves) => {
    const beside = (is: boolean) => (is ? { besideSystem: true as const } : {});
    const { leavesSystem } = plan(want({ marker: { ...BARE_MARKER, ...beside(isToBe) } }), hook(beside(was)));
    expect(leavesSystem).toBe(leaves);
  });
});

describe("a changed address", () => {
  test("is a loss whichever of token and headers the run lacks", () => {
    const headers = hook({ headerNames: "aabbccdd" }, { url: OTHER });
    expect(plan(want(), headers).losses).toEqual(["HOOKS_CUSTOM_HEADERS"]);
    const hasHeaders = { headers: { "X-A": "b" }, marker: { ...BARE_MARKER, headerNames: "aabbccdd" } };
    expect(plan({ ...nothingHeld, ...hasHeaders }, headers).losses).toEqual(["GITLAB_WEBHOOK_SECRET"]);
    expect(plan(want(hasHeaders), headers).losses).toEqual([]);
  });
});

describe("differences", () => {
  test("a dry run hides what it cannot prove and nothing else", () => {
    const unsure = {
      ...nothingHeld,
      managesHidden: true,
      marker: { ...BARE_MARKER, fingerprint: "f".repeat(16) },
    };
    const present = hook({}, { push_events: false });
    expect(plan(unsure, present, true).changes.map(({ attribute }) => attribute)).toEqual(["push_events"]);
    const sure = want({ marker: unsure.marker });
    expect(plan(sure, hook(), true).changes).toEqual([
      { attribute: "secrets", from: BARE_MARKER.fingerprint, to: unsure.marker.fingerprint },
    ]);
  });

  test.each([
    ["somebody's", "somebody's"],
    [true, true],
    [7, 7],
    [["a"], null],
    [{}, null],
  ])("name %j is shown as %j", (name, from) => {
    expect(plan(want(), hook({}, { name })).changes).toEqual([
      { attribute: "name", from, to: "gitlab-hook-relay" },
    ]);
  });

  test("a template and a missing token are shown as what they are and become", () => {
    expect(plan(want(), hook({}, { custom_webhook_template: "" })).changes).toEqual([]);
    expect(plan(want(), hook({}, { custom_webhook_template: "{}" })).changes).toEqual([
      { attribute: "custom_webhook_template", from: "(a template)", to: null },
    ]);
    expect(plan(want(), hook({}, { token_present: false })).changes).toEqual([
      { attribute: "token_present", from: false, to: true },
    ]);
    const signed = hook({}, { signing_token_present: false });
    expect(plan(want({ signingToken: "whsec_x" }), signed).changes).toEqual([
      { attribute: "signing_token_present", from: false, to: true },
    ]);
  });

  test("a branch strategy is none where the instance shows none", () => {
    expect(plan(want(), hook({}, { branch_filter_strategy: null })).changes).toEqual([]);
    expect(plan(want(), hook({}, { branch_filter_strategy: "regex" })).changes).toEqual([
      { attribute: "branch_filter_strategy", from: "regex", to: "wildcard" },
    ]);
    expect(wantedStrategy(want(), "all_branches")).toBeNull();
  });
});

test.each([
  [undefined, true],
  [null, true],
  ["executable", true],
  ["disabled", false],
  ["temporarily_disabled", false],
])("healthy(): alert_status %j is %s", (status, is) => {
  expect(healthy(hook({}, status === undefined ? {} : { alert_status: status }))).toBe(is);
});
