import { expect, test } from "vitest";
import { headersOf } from "../../../../relay/targets/http/headers.ts";
import { eventMeta } from "../../../helpers/events.ts";

test("headersOf() names the GitLab of an event as its credential told, and none for that of `gitlab`", () => {
  const headers = (instanceName?: string): Record<string, string> =>
    headersOf(
      { meta: eventMeta({ instanceName, headers: [["x-relay-instance", "forged"]] }), attempt: 1 },
      {},
      {},
    );
  expect(headers("partner")).toMatchObject({ "x-relay-instance": "partner" });
  expect(headers()).not.toHaveProperty("x-relay-instance");
});
