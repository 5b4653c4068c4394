import { expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { AlertSettings } from "../../../../relay/config/alerts.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { ALERT_KIND, ALERT_TARGETS, alertTargets } from "../../../../relay/event/alert.ts";
import type { EventMeta } from "../../../../relay/event/event.ts";
import { sentence } from "../../../../relay/event/sentence.ts";
import { createAlerts } from "../../../../relay/observe/alerts/alerts.ts";
import { BACK_FOR_MS, CALM_MS } from "../../../../relay/observe/alerts/plan.ts";
import type { AttentionItem } from "../../../../relay/observe/attention/attention.ts";
import { createRouter } from "../../../../relay/routing/route.ts";
import { createRequests } from "../../../../relay/targets/http/http.ts";
import type { HttpTargetSettings } from "../../../../relay/targets/http/settings.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { eventMeta } from "../../../helpers/events.ts";
import { createMemoryQueue, type MemoryQueue } from "../../../helpers/memory-queue.ts";

const FAILING: AttentionItem = {
  kind: "target-failing",
  severity: "critical",
  since: Date.UTC(2026, 0, 15, 12),
  count: 7,
  text: "bot is failing: 9 of 9 attempts; <b> & @here [x](http://evil)",
  link: "/targets#bot",
};
const DEAD: AttentionItem = {
  ...FAILING,
  kind: "dead-letters",
  severity: "warning",
  text: "3 dead letters",
  link: "/dead",
};

const SLACK = "https://hooks.slack.com/services/T0/B0/x";

function settings(alerts: object): AlertSettings {
  const targets = { chat: { type: "http", url: SLACK }, ops: { type: "log" }, bot: { type: "log" } };
  return configSchema.parse({ targets, alerts }).alerts as AlertSettings;
}

/** What relays of one storage share. */
function memory() {
  const counts = new Map<string, number>();
  return {
    count: async (name: string) => counts.get(name) ?? 0,
    raise: async (name: string, to: number) => void counts.set(name, Math.max(counts.get(name) ?? 0, to)),
    counters: async () => counts,
  };
}

interface Shared {
  readonly queue?: MemoryQueue;
  readonly told?: ReturnType<typeof memory>;
  readonly clock?: FakeClock;
}

function rig(
  alerts: object,
  { queue = createMemoryQueue(), told = memory(), clock = new FakeClock() }: Shared = {},
) {
  const own = settings(alerts);
  const made = createAlerts({
    queue,
    memory: told,
    clock,
    log: silentLog,
    settings: () => own,
    mask: (text) => text.replaceAll("secret", "***"),
  });
  const sent = () =>
    queue
      .stored()
      .map(({ meta, body }) => [meta.action, meta.subjectType, alertTargets(meta), String(body)] as const);
  return { clock, queue, told, alerts: made, sent };
}

test("a matter is told when it comes and when it is over, and not in between", async () => {
  const { alerts, sent } = rig({ to: ["ops"] });
  for (const items of [[DEAD], [DEAD], [{ ...DEAD, text: "4 dead letters", count: 4 }], [], []])
    await alerts.update(items);
  expect(sent().map(([action, kind, targets]) => [action, kind, targets])).toEqual([
    ["raised", "dead-letters", ["ops"]],
    ["cleared", "dead-letters", ["ops"]],
  ]);
});

test("a matter that comes and goes is told once, until it stays or has been away for long", async () => {
  const { alerts, clock, sent } = rig({ to: ["ops"] });
  const told = (): (string | null)[] => sent().map(([action]) => action);
  for (let look = 0; look < 20; look += 1) {
    await alerts.update(look % 2 === 0 ? [DEAD] : []);
    await clock.advance(20_000);
  }
  expect(told()).toEqual(["raised", "cleared"]);
  await alerts.update([DEAD]);
  await clock.advance(BACK_FOR_MS);
  await alerts.update([DEAD]);
  expect(told()).toEqual(["raised", "cleared", "raised"]);
  await alerts.update([]);
  await clock.advance(CALM_MS);
  await alerts.update([DEAD]);
  expect(told()).toEqual(["raised", "cleared", "raised", "cleared", "raised"]);
});

test("a restart tells nothing again: what stands is known, and its end is told", async () => {
  const { alerts, ...shared } = rig({ to: ["ops"] });
  await alerts.update([DEAD]);
  await shared.clock.advance(3_600_000);
  const after = rig({ to: ["ops"] }, shared);
  await after.alerts.update([DEAD]);
  expect(after.sent().map(([action]) => action)).toEqual(["raised"]);
  await after.alerts.update([]);
  expect(after.sent().map(([action]) => action)).toEqual(["raised", "cleared"]);
});

test("a crash between an alert and the memory of it tells nothing again", async () => {
  const { alerts, ...shared } = rig({ to: ["ops"] });
  const forgetful = {
    ...shared.told,
    raise: () => Promise.reject(new UpstreamError("storage", "gone", { retryable: true })),
  };
  await rig({ to: ["ops"] }, { ...shared, told: forgetful }).alerts.update([DEAD]);
  await alerts.update([DEAD]);
  expect(shared.queue.stored()).toHaveLength(1);
});

test("what was over while no relay ran is told when it comes again, not when it is seen late", async () => {
  const { alerts, ...shared } = rig({ to: ["ops"] });
  await alerts.update([DEAD, FAILING]);
  const after = rig({ to: ["ops"] }, shared);
  // The one shows again only once attempts have failed.
  await shared.clock.advance(60_000);
  await after.alerts.update([FAILING]);
  await shared.clock.advance(600_000);
  await after.alerts.update([FAILING]);
  expect(after.sent()).toHaveLength(2);
  await after.alerts.update([FAILING, DEAD]);
  expect(after.sent().map(([action, kind]) => [action, kind])).toEqual([
    ["raised", "dead-letters"],
    ["raised", "target-failing"],
    ["raised", "dead-letters"],
  ]);
});

test("what still stands is told again after repeatMinutes, or never", async () => {
  const [often, never] = [rig({ to: ["ops"], repeatMinutes: 30 }), rig({ to: ["ops"], repeatMinutes: 0 })];
  for (const { alerts, clock } of [often, never])
    for (let minute = 0; minute <= 61; minute += 1) {
      await alerts.update([DEAD]);
      await clock.advance(60_000);
    }
  expect(often.sent().map(([action]) => action)).toEqual(["raised", "standing", "standing"]);
  expect(never.sent().map(([action]) => action)).toEqual(["raised"]);
});

test("only the kinds that are asked for are told, and to a target nothing about itself", async () => {
  const { alerts, sent } = rig({ to: ["ops", "bot"], on: ["target-failing"] });
  await alerts.update([FAILING, DEAD]);
  expect(sent().map(([, kind, targets]) => [kind, targets])).toEqual([["target-failing", ["ops"]]]);
});

test("what cannot be stored is told with the next list, and secrets are masked", async () => {
  const { alerts, queue, sent } = rig({ to: ["ops"] });
  queue.faults.error = new UpstreamError("disk-full", "no room", { retryable: true });
  await alerts.update([{ ...DEAD, text: "a secret" }]);
  queue.faults.error = null;
  await alerts.update([{ ...DEAD, text: "a secret" }]);
  expect(sent().map(([action]) => action)).toEqual(["raised"]);
  expect(sent()[0]?.[3]).toContain("a ***");
});

test("relays of one storage tell the same matter once, at once or an hour later, and its end once", async () => {
  const first = rig({ to: ["ops"] });
  const second = rig({ to: ["ops"] }, first);
  const third = rig({ to: ["ops"] }, first);
  await Promise.all([first.alerts.update([DEAD]), second.alerts.update([DEAD])]);
  await first.clock.advance(3_600_000);
  await third.alerts.update([DEAD]);
  const all = [first, second, third];
  await Promise.all(all.map(({ alerts }) => alerts.update([])));
  expect(first.sent().map(([action]) => action)).toEqual(["raised", "cleared"]);
});

test("the router gives an alert to its targets alone, and a webhook that looks like one to none of them", async () => {
  const { targets, overrides } = configSchema.parse({
    targets: { ops: { type: "log", events: ["push"] }, bot: { type: "log" }, gone: { type: "log" } },
  });
  const route = createRouter({ targets, overrides });
  const { alerts, queue } = rig({ to: ["ops"] });
  await alerts.update([DEAD]);
  const [alert] = queue.stored();
  const body = () => Promise.resolve(alert?.body as Uint8Array);
  expect(await route(alert?.meta as never, body)).toEqual([{ target: "ops", lane: null }]);
  const forged = eventMeta({ ...alert?.meta, verifiedBy: ["token"] });
  expect((await route(forged, body)).map(({ target }) => target)).not.toContain("ops");
});

const ALERT = { ...FAILING, text: "bot is failing; <b> & @here [x](http://evil)" };

test.each([
  [
    "slack",
    "text",
    "GitLab webhooks, new and critical: bot is failing; &lt;b&gt; &amp; @here [x](http://evil) https://relay.dev/targets#bot",
  ],
  [
    "mattermost",
    "attachments",
    [
      expect.objectContaining({
        title: expect.stringMatching(/^GitLab webhooks, new and critical: bot is failing; .*https:\/\/relay/),
      }),
    ],
  ],
  ["teams", "type", "message"],
  ["raw", "object_kind", "relay_alert"],
] as const)(
  "a target of format %s gets the alert as its receiver wants it",
  async (format, field, wanted) => {
    const { alerts, queue } = rig({ to: ["ops"], dashboardUrl: "https://relay.dev" });
    await alerts.update([ALERT]);
    const target = configSchema.parse({ targets: { chat: { type: "http", url: SLACK, format } } }).targets[
      "chat"
    ];
    const [stored] = queue.stored();
    const { body, headers } = createRequests(target as HttpTargetSettings)(
      { meta: stored?.meta as EventMeta, body: stored?.body as Uint8Array, attempt: 1 },
      0,
    );
    const sent = JSON.parse(String(body)) as Record<string, unknown>;
    expect(sent[field]).toEqual(wanted);
    expect(String(body)).toContain("bot is failing");
    expect(headers["content-type"]).toBe("application/json");
    expect(Object.keys(headers).filter((name) => name.includes("alert"))).toEqual([]);
  },
);

test("the payload says everything for receivers of plain JSON", async () => {
  const { alerts, sent } = rig({ to: ["ops"] });
  await alerts.update([ALERT]);
  expect(JSON.parse(sent()[0]?.[3] as string)).toEqual({
    object_kind: "relay_alert",
    text: `GitLab webhooks, new and critical: ${ALERT.text}`,
    alert: {
      action: "raised",
      kind: "target-failing",
      severity: "critical",
      text: ALERT.text,
      count: 7,
      since: "2026-01-15T12:00:00.000Z",
      url: null,
    },
  });
});

test.each(["raised", "standing", "cleared"] as const)(
  "lists tell an alert that is %s without its body",
  (action) => {
    const meta = eventMeta({
      kind: ALERT_KIND,
      action,
      title: "3 dead letters",
      verifiedBy: [],
      headers: [[ALERT_TARGETS, "ops"]],
    });
    const words = { raised: "new", standing: "still", cleared: "over" };
    expect(sentence(meta, null)).toBe(`GitLab webhooks, ${words[action]}: 3 dead letters`);
  },
);
