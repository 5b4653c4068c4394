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

test("headersOf() lets no hook's header stand for the relay's own, and the settings for any", () => {
  const meta = eventMeta({ id: "01kf0000000000000000000001", headers: [["x-gitlab-event", "Push Hook"]] });
  const format = {
    "x-relay-event-id": "forged",
    "x-relay-attempt": "9",
    "content-type": "text/plain",
    "x-own": "1",
  };
  const configured = { "x-relay-received-at": "by the operator", "x-gitlab-event": "Other Hook" };
  expect(headersOf({ meta, attempt: 2 }, format, configured)).toEqual({
    "content-type": "text/plain",
    "user-agent": "gitlab-hook-relay",
    "x-relay-event-id": meta.id,
    "x-relay-attempt": "2",
    "x-relay-received-at": "by the operator",
    "x-gitlab-event": "Other Hook",
    "x-own": "1",
  });
});
