import { expect, test } from "vitest";
import { foldId, gitlabIdNumbers, gitlabIdsOf, numberOfId } from "../../../relay/event/gitlab-ids.ts";

test("foldId() folds case and space around, and refuses what is no id", () => {
  expect(foldId(" \t13792A34-CAC6 \n")).toBe("13792a34-cac6");
  expect(["", "  ", "two words", "x".repeat(129)].map(foldId)).toEqual([null, null, null, null]);
});

test("gitlabIdsOf() takes the ids of GitLab's headers, each once, the delivery's own first", () => {
  const headers = [
    ["x-gitlab-event", "Push Hook"],
    ["x-gitlab-event-uuid", "EVENT"],
    ["idempotency-key", "Delivery"],
    ["x-gitlab-webhook-uuid", "hook"],
    ["webhook-id", "delivery"],
  ] as const;
  expect(gitlabIdsOf({ deliveryId: "DELIVERY", headers })).toEqual(["delivery", "event", "hook"]);
  expect(gitlabIdsOf({ deliveryId: null, headers: [] })).toEqual([]);
});

test("gitlabIdNumbers() are three at most, of 32 bits and never 0", () => {
  const headers = ["a", "b", "c", "d"].map((value) => ["webhook-id", value] as const);
  const numbers = gitlabIdNumbers({ deliveryId: null, headers });
  expect(numbers).toEqual(["a", "b", "c"].map(numberOfId));
  for (const number of numbers) expect(number).toBe(number >>> 0);
});
