import { describe, expect, test } from "vitest";
import { digestOfRelay } from "../../../component/hooks/address.ts";
import {
  describe as describeHook,
  UNKNOWN_FINGERPRINT,
  type WantedHook,
} from "../../../component/hooks/desired.ts";
import type { Hook } from "../../../component/gitlab/types.ts";
import { BARE_MARKER } from "../../helpers/marker.ts";
import { isOurs, planHook, type PlanOptions } from "../../../component/hooks/plan.ts";

const URL_OF_RELAY = "https://hooks.acme.dev/webhooks/gitlab";

const wanted: WantedHook = {
  url: URL_OF_RELAY,
  shown: {
    name: "gitlab-hook-relay",
    push_events: true,
    job_events: false,
    confidential_note_events: false,
    enable_ssl_verification: true,
    push_events_branch_filter: "",
  },
  token: "secret",
  signingToken: null,
  headers: {},
  marker: BARE_MARKER,
  managesHidden: true,
  removesSecrets: false,
};

function hook(id: number, change: Record<string, unknown> = {}): Hook {
  return {
    id,
    url: URL_OF_RELAY,
    ...wanted.shown,
    confidential_note_events: null,
    push_events_branch_filter: null,
    branch_filter_strategy: "wildcard",
    custom_webhook_template: null,
    description: describeHook(BARE_MARKER, null),
    alert_status: "executable",
    token_present: true,
    signing_token_present: false,
    ...change,
  };
}

const NOTHING_SEEN = { signingIgnored: false };

function differences(want: WantedHook, present: Hook, options: PlanOptions) {
  return planHook(want, [present], options, URL_OF_RELAY).changes;
}

function changed(
  change: Record<string, unknown>,
  want: Partial<WantedHook> = {},
  seen = NOTHING_SEEN,
): string[] {
  return differences({ ...wanted, ...want }, hook(1, change), seen).map((c) => c.attribute);
}

describe("the changes of planHook()", () => {
  test("finds none in a hook as GitLab shows a right one, nulls included", () => {
    expect(changed({})).toEqual([]);
  });

  test.each([
    [{ url: `${URL_OF_RELAY}/` }, "url"],
    [{ push_events: false }, "push_events"],
    [{ job_events: true }, "job_events"],
    [{ confidential_note_events: true }, "confidential_note_events"],
    [{ enable_ssl_verification: false }, "enable_ssl_verification"],
    [{ push_events_branch_filter: "main" }, "push_events_branch_filter"],
    [{ branch_filter_strategy: "regex" }, "branch_filter_strategy"],
    [{ custom_webhook_template: "{}" }, "custom_webhook_template"],
    [{ name: "other" }, "name"],
    [{ description: null }, "secrets"],
    [{ description: "gitlab-hook-relay fp=ffffffffffffffff" }, "secrets"],
    [{ token_present: false }, "token_present"],
  ])("finds %j", (change, attribute) => {
    expect(changed(change)).toEqual([attribute]);
  });

  test("an attribute that the instance does not show is no difference", () => {
    const { job_events, name, description, token_present, signing_token_present, ...old } = hook(1);
    void [job_events, name, description, token_present, signing_token_present];
    expect(differences({ ...wanted, signingToken: "whsec_x" }, old as Hook, NOTHING_SEEN)).toEqual([]);
  });

  test("addresses that differ in letter case or port 443 alone are the same", () => {
    expect(changed({ url: "https://HOOKS.acme.dev:443/webhooks/gitlab" })).toEqual([]);
  });

  test("`all_branches` says what no filter says, but not what a filter says", () => {
    expect(changed({ branch_filter_strategy: "all_branches" })).toEqual([]);
    const filtered = { shown: { ...wanted.shown, push_events_branch_filter: "main" } };
    const change = { branch_filter_strategy: "all_branches", push_events_branch_filter: "main" };
    expect(changed(change, filtered)).toEqual(["branch_filter_strategy"]);
  });

  test("a missing signing token counts until the instance was seen to ignore it", () => {
    const want = { signingToken: "whsec_x" };
    expect(changed({}, want)).toEqual(["signing_token_present"]);
    expect(changed({}, want, { signingIgnored: true })).toEqual([]);
    expect(changed({ signing_token_present: true }, want)).toEqual([]);
  });

  test("where nothing hidden is managed, any marker will do", () => {
    const want = { managesHidden: false, token: null };
    expect(changed({ description: "gitlab-hook-relay fp=ffffffffffffffff" }, want)).toEqual([]);
    expect(changed({ description: "by hand" }, want)).toEqual(["secrets"]);
  });

  test("shows addresses without user info and query", () => {
    const [change] = differences(wanted, hook(1, { url: "https://u:p@old.acme.dev/x?key=1" }), NOTHING_SEEN);
    expect(change).toEqual({ attribute: "url", from: "https://old.acme.dev/x", to: URL_OF_RELAY });
  });
});

describe("isOurs()", () => {
  test("by address, by marker, and not otherwise", () => {
    expect(isOurs(hook(1, { description: null }), URL_OF_RELAY)).toBe(true);
    expect(isOurs(hook(1, { url: "https://elsewhere.dev" }), URL_OF_RELAY)).toBe(true);
    expect(isOurs(hook(1, { url: "https://elsewhere.dev", description: "theirs" }), URL_OF_RELAY)).toBe(
      false,
    );
    expect(isOurs(hook(1, { description: null }), null)).toBe(false);
  });
});

describe("planHook()", () => {
  const foreign = hook(1, { url: "https://elsewhere.dev", description: null });

  test("finds nothing of ours among the hooks of others", () => {
    expect(planHook(wanted, [foreign], NOTHING_SEEN)).toMatchObject({
      keep: null,
      changes: [],
      asleep: null,
      duplicates: [],
    });
  });

  test("keeps the oldest healthy one; the others are duplicates", () => {
    const plan = planHook(
      wanted,
      [hook(9), hook(3, { alert_status: "disabled" }), foreign, hook(5)],
      NOTHING_SEEN,
    );
    expect(plan.keep?.id).toBe(5);
    expect(plan.duplicates.map((d) => d.id)).toEqual([9, 3]);
    expect(plan.asleep).toBeNull();
  });

  test.each(["disabled", "temporarily_disabled"])("says that the one it keeps is %s", (alert_status) => {
    expect(planHook(wanted, [hook(3, { alert_status })], NOTHING_SEEN).asleep).toBe(alert_status);
  });
});

describe("what this run does not hold", () => {
  const other = "https://old.acme.dev/webhooks/gitlab";
  const headed = { ...BARE_MARKER, headerNames: "abcdef01" };
  /** A run without any secret, for a hook that carries all of them. */
  const poor: WantedHook = { ...wanted, token: null, managesHidden: false };
  const rich = { signing_token_present: true, description: describeHook(headed, null) };
  const plan = (want: Partial<WantedHook>, change: Record<string, unknown> = {}, options = {}) =>
    planHook(
      { ...poor, ...want },
      [hook(1, { ...rich, ...change })],
      { ...NOTHING_SEEN, ...options },
      URL_OF_RELAY,
    );

  test("is told by variable, and the marker keeps what it says", () => {
    const { changes, lacking, unverified, losses, marker: kept, url } = plan({});
    expect(changes).toEqual([]);
    expect(lacking).toEqual({ token: true, signing: true, headers: true });
    expect(unverified).toEqual([
      "GITLAB_WEBHOOK_SECRET",
      "GITLAB_WEBHOOK_SIGNING_TOKEN",
      "HOOKS_CUSTOM_HEADERS",
    ]);
    expect(losses).toEqual([]);
    expect(kept).toEqual(headed);
    expect(url).toBe(URL_OF_RELAY);
  });

  test("stands in the way of another address, but not of its form", () => {
    const moved = plan({}, { url: other });
    expect(moved.changes).toEqual([{ attribute: "url", from: other, to: URL_OF_RELAY }]);
    expect(moved.losses).toEqual(["GITLAB_WEBHOOK_SECRET", "HOOKS_CUSTOM_HEADERS"]);
    const slash = plan({}, { url: `${URL_OF_RELAY}/` });
    expect(slash).toMatchObject({ changes: [], losses: [], url: `${URL_OF_RELAY}/` });
    const held = planHook(wanted, [hook(1, { url: `${URL_OF_RELAY}/` })], NOTHING_SEEN);
    expect(held).toMatchObject({ url: URL_OF_RELAY, losses: [] });
  });

  test("a key behind the address is a sign of the master secret, and no difference", () => {
    const keyed = plan({}, { url: `${URL_OF_RELAY}/p42`, project_id: 42 });
    expect(keyed.changes).toEqual([]);
    expect(keyed.url).toBe(URL_OF_RELAY);
    expect(keyed.losses).toContain("GITLAB_WEBHOOK_MASTER_SECRET");
  });

  test("goes where that is asked for", () => {
    const removing = { removesSecrets: true, managesHidden: true };
    const { changes, lacking } = plan(removing);
    expect(changes).toEqual([
      { attribute: "secrets", from: headed.fingerprint, to: BARE_MARKER.fingerprint },
      { attribute: "token_present", from: true, to: false },
      { attribute: "signing_token_present", from: true, to: false },
    ]);
    expect(lacking).toEqual({ token: false, signing: false, headers: false });
    const bare = {
      token_present: false,
      signing_token_present: false,
      description: describeHook(BARE_MARKER, null),
    };
    expect(plan(removing, bare).changes).toEqual([]);
    expect(plan({ ...removing, token: "t", signingToken: "whsec_x" }, rich).changes).toHaveLength(1);
  });

  test("a dry run shows no change for a secret that it merely does not know", () => {
    const want = { token: "t", managesHidden: true, marker: { ...BARE_MARKER, fingerprint: "f".repeat(16) } };
    expect(plan(want).changes.map(({ attribute }) => attribute)).toEqual(["secrets"]);
    expect(plan(want, {}, { dryRun: true }).changes).toEqual([]);
    expect(plan(want, { description: null }, { dryRun: true }).changes).not.toEqual([]);
  });

  test("the hook that carries a secret stays, even before one that GitLab has not switched off", () => {
    const [bare, carrying] = [hook(1, { token_present: false }), hook(2, { alert_status: "disabled" })];
    expect(planHook(poor, [bare, carrying], NOTHING_SEEN).keep?.id).toBe(2);
    expect(planHook(wanted, [bare, carrying], NOTHING_SEEN).keep?.id).toBe(1);
    expect(planHook({ ...poor, removesSecrets: true }, [bare, carrying], NOTHING_SEEN).keep?.id).toBe(1);
  });
});

describe("the marker that planHook() writes", () => {
  const other = "https://old.acme.dev/webhooks/gitlab";

  test("remembers the relay that the hook was taken from, and tells a hook that was here before", () => {
    const moved = planHook(wanted, [hook(1, { url: other })], NOTHING_SEEN, other);
    expect(moved.marker.was).toBe(digestOfRelay(other));
    expect(moved.movesBack).toBe(false);
    const was = digestOfRelay(URL_OF_RELAY);
    const back = planHook(
      wanted,
      [hook(1, { url: other, description: describeHook({ ...BARE_MARKER, was }, null) })],
      NOTHING_SEEN,
    );
    expect(back.movesBack).toBe(true);
    const here = planHook(
      wanted,
      [hook(1, { description: describeHook({ ...BARE_MARKER, was }, null) })],
      NOTHING_SEEN,
    );
    expect(here).toMatchObject({ movesBack: false, marker: { was } });
  });

  test("is the wanted one for a new hook", () => {
    expect(planHook(wanted, [], NOTHING_SEEN)).toEqual({
      keep: null,
      changes: [],
      asleep: null,
      duplicates: [],
      url: URL_OF_RELAY,
      marker: BARE_MARKER,
      lacking: { token: false, signing: false, headers: false },
      losses: [],
      unverified: [],
      movesBack: false,
    });
  });

  test("claims nothing for a hook without one whose secrets this run does not hold", () => {
    const { marker: written } = planHook(
      { ...wanted, token: null, managesHidden: false },
      [hook(1, { description: null })],
      NOTHING_SEEN,
    );
    expect(written).toMatchObject({ fingerprint: UNKNOWN_FINGERPRINT, headerNames: "" });
  });
});
