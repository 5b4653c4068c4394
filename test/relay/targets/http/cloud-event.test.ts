import { describe, expect, test } from "vitest";
import type { EventMeta } from "../../../../relay/event/event.ts";
import { cloudEventAttributes, cloudEventEnvelope } from "../../../../relay/targets/http/cloud-event.ts";
import { eventMeta } from "../../../helpers/events.ts";

const received = "2026-01-15T12:00:00.000Z";
const home = "https://gitlab.example.com/acme/web";
const repository = { homepage: home };
const project = { web_url: home };

describe("cloudEventAttributes()", () => {
  const created = "2026-01-10 09:08:07 UTC";
  const createdIso = "2026-01-10T09:08:07.000Z";
  const note = (noteable_type: string): object => ({
    repository,
    commit: { url: `${home}/-/commit/c1` },
    object_attributes: { id: 9, noteable_type, url: `${home}/-/x/1#note_9`, created_at: created },
  });
  test.each<[string, object, string, string | null, string, string]>([
    ["push", { repository, checkout_sha: "c1" }, "push", "c1", received, home],
    ["push", { repository, checkout_sha: null, after: "0000" }, "push", "0000", received, home],
    ["tag_push", { repository, ref: "refs/tags/v1" }, "tag_push", "refs/tags/v1", received, home],
    [
      "issue",
      { repository, object_attributes: { iid: 3, state: "opened" } },
      "issue.opened",
      "3",
      received,
      home,
    ],
    [
      "merge_request",
      { repository, object_attributes: { iid: 4, action: "open", created_at: created } },
      "merge_request.open",
      "4",
      createdIso,
      home,
    ],
    [
      "merge_request",
      { project, object_attributes: { iid: 4, created_at: "2026-01-10T09:08:07.000Z" } },
      "merge_request",
      "4",
      createdIso,
      home,
    ],
    ["note", note("Commit"), "note.commit", "9", createdIso, `${home}/-/commit/c1`],
    ["note", note("MergeRequest"), "note.merge_request", "9", createdIso, `${home}/-/x/1`],
    ["note", note("Issue"), "note.issue", "9", createdIso, `${home}/-/x/1`],
    ["note", note("Snippet"), "note.snippet", "9", createdIso, `${home}/-/x/1`],
    [
      "wiki_page",
      { project, object_attributes: { slug: "home", action: "create" } },
      "wiki_page.create",
      "home",
      received,
      home,
    ],
    [
      "pipeline",
      { project, object_attributes: { id: 5, status: "failed" } },
      "pipeline.failed",
      "5",
      received,
      home,
    ],
    ["build", { repository, build_id: 6, build_status: "created" }, "job.created", "6", received, home],
    ["release", { project, id: 7 }, "release.create", "7", received, home],
    [
      "note",
      { object_attributes: { created_at: "yesterday" } },
      "note",
      null,
      received,
      "https://gitlab.example.com",
    ],
    ["milestone", [], "milestone.create", null, received, "https://gitlab.example.com"],
  ])("%s %#", (kind, payload, type, subject, time, source) => {
    const meta = eventMeta({ header: null, kind, eventName: null, action: "create" });
    expect(cloudEventAttributes(meta, payload)).toEqual({
      id: meta.id,
      source,
      type: `com.gitlab.${type}`,
      subject,
      time,
    });
  });

  test("an event of unknown kind and origin still has what CloudEvents requires", () => {
    const meta = eventMeta({ header: null, kind: null, eventName: null, action: null, instance: null });
    expect(cloudEventAttributes(meta, {})).toMatchObject({ source: "/gitlab", type: "com.gitlab.unknown" });
  });
});

describe("cloudEventEnvelope()", () => {
  const text =
    '{ "object_kind":"push", "big": 12345678901234567890, "repository": {"homepage": "https://g/ä b"} }';
  const sending = (meta: Partial<EventMeta> = {}) => ({ meta: eventMeta(meta), body: Buffer.from(text) });

  test("structured: one JSON document whose data are the received bytes", () => {
    const { body, headers } = cloudEventEnvelope("structured", sending());
    const sent = Buffer.from(body).toString("utf8");
    expect(headers).toEqual({ "content-type": "application/cloudevents+json; charset=utf-8" });
    expect(sent.endsWith(`,"data":${text}}`)).toBe(true);
    expect(JSON.parse(sent)).toMatchObject({
      specversion: "1.0",
      id: "01kf0000000000000000000001",
      type: "com.gitlab.push",
      source: "https://g/ä b",
      time: received,
      datacontenttype: "application/json",
    });
    expect(JSON.parse(sent)).not.toHaveProperty("subject");
  });

  test("structured: a byte order mark stays out of the document", () => {
    const body = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
    const given = { meta: eventMeta(), body };
    const sent = cloudEventEnvelope("structured", given);
    expect(JSON.parse(Buffer.from(sent.body).toString("utf8"))).toHaveProperty("data.object_kind", "push");
  });

  test("binary: the received bytes, attributes as percent-encoded headers", () => {
    const given = sending();
    const { body, headers } = cloudEventEnvelope("binary", given);
    expect(body).toBe(given.body);
    expect(headers).toEqual({
      "ce-specversion": "1.0",
      "ce-id": "01kf0000000000000000000001",
      "ce-type": "com.gitlab.push",
      "ce-source": "https://g/%C3%A4%20b",
      "ce-time": received,
    });
  });
});

test("a named GitLab is an extension attribute, in both modes", () => {
  const meta = eventMeta({ instanceName: "partner" });
  const event = { meta, body: Buffer.from("{}") };
  expect(cloudEventEnvelope("binary", event).headers).toMatchObject({ "ce-relayinstance": "partner" });
  expect(JSON.parse(String(Buffer.from(cloudEventEnvelope("structured", event).body)))).toMatchObject({
    relayinstance: "partner",
  });
  expect(cloudEventAttributes(eventMeta(), {})).not.toHaveProperty("relayinstance");
});
