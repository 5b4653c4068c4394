import { expect, test } from "vitest";
import { foldSteps } from "../../../../relay/admin/pages/fold.ts";
import { timeline } from "../../../../relay/admin/pages/timeline.ts";
import { newDelivery, type Attempt, type Delivery } from "../../../../relay/queue/delivery-state.ts";
import { eventMeta } from "../../../helpers/events.ts";

function failing(target: string, statuses: readonly number[]): Delivery {
  const history: Attempt[] = statuses.map((status, index) => ({
    at: 1000 * (index + 1),
    durationMs: 5,
    status,
    error: `answered ${status}`,
    excerpt: "down",
  }));
  return { ...newDelivery("id", target, 0, 0), attempts: history.length, history };
}

const stepsOf = (deliveries: readonly Delivery[]) =>
  foldSteps(timeline({ meta: eventMeta({}), state: "waiting", deliveries }, () => "its turn"));

test("foldSteps() makes one step of attempts that went alike, also beside those of another target", () => {
  const attempts = stepsOf([failing("a", [503, 503, 503, 500, 503]), failing("b", [503, 503])]).filter(
    ({ name }) => name === "attempt",
  );
  expect(
    attempts.map(({ target, status, attempt, lastAttempt, times }) => [
      target,
      status,
      attempt,
      lastAttempt,
      times,
    ]),
  ).toEqual([
    ["a", 503, 1, 3, 3],
    ["b", 503, 1, 2, 2],
    ["a", 500, 4, 4, 1],
    ["a", 503, 5, 5, 1],
  ]);
  expect(attempts[0]).toMatchObject({ at: 1000, lastAt: 3000 });
});

test("foldSteps() leaves every other step as it is", () => {
  const steps = timeline(
    { meta: eventMeta({}), state: "waiting", deliveries: [failing("a", [503])] },
    () => "",
  );
  expect(foldSteps(steps).map(({ name }) => name)).toEqual(steps.map(({ name }) => name));
});
