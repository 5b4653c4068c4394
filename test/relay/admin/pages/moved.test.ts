import { expect, test } from "vitest";
import { deadPage } from "../../../../relay/admin/pages/dead.ts";
import { failedTargets } from "../../../../relay/admin/pages/event-actions.ts";
import { eventTable } from "../../../../relay/admin/pages/event-table.ts";
import { deadLetters } from "../../../../relay/admin/pages/view.ts";
import { NO_STATS } from "../../../../relay/admin/api/event-json.ts";
import { givenUp, moved, newDelivery } from "../../../../relay/queue/delivery-state.ts";
import type { EventSummary } from "../../../../relay/queue/queue.ts";
import { eventMeta } from "../../../helpers/events.ts";

const AT = 1000;
const event: EventSummary = {
  meta: eventMeta({}),
  state: "dead",
  deliveries: [
    moved(newDelivery("e1", "old-bot", 0, AT), AT, "new-bot"),
    givenUp(newDelivery("e1", "new-bot", 1, AT), AT, "answered 422"),
  ],
};

test("eventTable() has no mark of a target whose delivery was moved", () => {
  const table = eventTable([event], { hasInstance: false }).toString();
  expect(table).toContain("new-bot: dead letter");
  expect(table).not.toContain("old-bot");
});

test("failedTargets() and deadLetters() leave out what was moved, and what a replay stands in for", async () => {
  const replayed: EventSummary = {
    ...event,
    deliveries: [
      ...event.deliveries,
      givenUp(newDelivery("e1", "audit", 0, AT), AT, "answered 500"),
      { ...newDelivery("e1", "audit", 1, AT), state: "done", endedAt: AT },
    ],
  };
  expect(failedTargets(replayed, ["old-bot", "new-bot", "audit"])).toEqual(["new-bot"]);
  const list = async () => ({ events: [replayed], cursor: null, partial: false, looked: 1 });
  const { groups } = await deadLetters({ queue: { list } as never }, {});
  expect(groups.map(({ target }) => target)).toEqual(["new-bot"]);
});

test("deadPage() offers no replay to a target that is not in the settings", () => {
  const counts = { ...NO_STATS, dead: 2, deadReasons: new Map([["422", 2]]) };
  const page = (exists: boolean): string =>
    deadPage({
      dead: { groups: [], seen: 250, partial: true },
      stats: { byState: { dead: 5 } as never, targets: new Map([["old-bot", { ...counts, exists }]]) },
      mayAct: true,
      csrf: "",
    }).toString();
  expect(page(true)).toContain("Replay all");
  expect(page(true)).toContain("none of the newest 250");
  expect(page(true)).toContain("2 dead letters will be replayed to old-bot");
  expect(page(false)).not.toMatch(/Replay all|will be replayed|Replay…/);
  expect(page(false)).toContain('<a href="/targets#orphans">move them</a>');
});
