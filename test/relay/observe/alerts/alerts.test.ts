import { expect, test } from "vitest";
import { UpstreamError } from "../../../../lib/errors.ts";
import { silentLog } from "../../../../lib/log.ts";
import type { AlertSettings } from "../../../../relay/config/alerts.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { alertTargets } from "../../../../relay/event/event.ts";
import { createAlerts } from "../../../../relay/observe/alerts/alerts.ts";
import { alertBody, formatOf } from "../../../../relay/observe/alerts/bodies.ts";
import type { AttentionItem } from "../../../../relay/observe/attention/attention.ts";
import { createRouter } from "../../../../relay/routing/route.ts";
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

function rig(alerts: object, queue: MemoryQueue = createMemoryQueue()) {
  const clock = new FakeClock();
  const own = settings(alerts);
  const made = createAlerts({
    queue,
    clock,
    log: silentLog,
    settings: () => own,
    addressOf: (name) => (name === "chat" ? SLACK : null),
    mask: (text) => text.replaceAll("secret", "***"),
  });
  const sent = () =>
    queue
      .stored()
      .map(({ meta, body }) => [meta.action, meta.subjectType, alertTargets(meta), String(body)] as const);
  return { clock, queue, alerts: made, sent };
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

test("each target gets the form that its address asks for", async () => {
  const { alerts, sent } = rig({ to: ["chat", "ops"] });
  await alerts.update([DEAD]);
  expect(sent().map(([, , targets, body]) => [targets, Object.keys(JSON.parse(body) as object)])).toEqual([
    [["chat"], ["text"]],
    [["ops"], ["object_kind", "alert"]],
  ]);
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

test("relays of one storage tell the same matter once, also where a minute ends between their looks", async () => {
  const queue = createMemoryQueue();
  const [first, second] = [rig({ to: ["ops"] }, queue), rig({ to: ["ops"] }, queue)];
  await first.alerts.update([DEAD]);
  await second.clock.advance(60_000 - (second.clock.now() % 60_000));
  await second.alerts.update([DEAD]);
  expect(first.sent()).toHaveLength(1);
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

test.each([
  ["https://hooks.slack.com/services/T0/B0/x", "slack"],
  ["https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig=y", "teams"],
  ["https://acme.webhook.office.com/webhookb2/x", "teams"],
  ["https://default1.a.environment.api.powerplatform.com/x", "teams"],
  ["https://chat.acme.dev/hooks/abcdefghijklmnopqrstuvwxyz", "mattermost"],
  ["https://bot.acme.dev/hooks/gitlab", "json"],
  ["https://evil-logic.azure.com.acme.dev/", "json"],
  [null, "json"],
] as const)("formatOf(%j) is %s", (address, wanted) => {
  expect(formatOf(address)).toBe(wanted);
});

const ALERT = { action: "raised", item: FAILING, url: "https://relay.dev/targets#bot" } as const;
const parsed = (format: Parameters<typeof alertBody>[1]): unknown =>
  JSON.parse(String(alertBody(ALERT, format)));

test("alertBody() is what each receiver takes, and names from outside are no markup there", () => {
  expect(parsed("slack")).toEqual({
    text: "*GitLab webhooks: New, critical.* bot is failing: 9 of 9 attempts; &lt;b&gt; &amp; @here [x](http://evil) <https://relay.dev/targets#bot|Open the dashboard>",
  });
  expect(parsed("mattermost")).toEqual({
    text: "**GitLab webhooks: New, critical.** bot is failing: 9 of 9 attempts; \\<b\\> & \\@here \\[x\\]\\(http://evil\\) [Open the dashboard](https://relay.dev/targets#bot)",
  });
  expect(parsed("teams")).toEqual({
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          body: [
            expect.objectContaining({ type: "TextBlock", color: "Attention", wrap: true }),
            expect.objectContaining({ type: "TextBlock", text: expect.stringContaining("\\[x\\]") }),
          ],
          actions: [
            { type: "Action.OpenUrl", title: "Open the dashboard", url: "https://relay.dev/targets#bot" },
          ],
        },
      },
    ],
  });
  expect(parsed("json")).toEqual({
    object_kind: "relay_alert",
    alert: {
      action: "raised",
      kind: "target-failing",
      severity: "critical",
      text: FAILING.text,
      count: 7,
      since: "2026-01-15T12:00:00.000Z",
      url: "https://relay.dev/targets#bot",
    },
  });
});
