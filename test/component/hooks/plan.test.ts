import { describe, expect, test } from "vitest";
import { describe as describeHook, type WantedHook } from "../../../component/hooks/desired.ts";
import type { Hook } from "../../../component/gitlab/types.ts";
import { isOurs, planHook, type PlanOptions } from "../../../component/hooks/plan.ts";

const URL_OF_RELAY = "https://hooks.acme.dev/webhooks/gitlab";
const marker = {
  fingerprint: "0123456789abcdef",
  headerNames: "",
  moving: false,
  sample: null,
  listed: null,
  was: null,
};

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
  marker,
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
    description: describeHook(marker, null),
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
