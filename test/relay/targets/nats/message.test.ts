import { expect, test } from "vitest";
import type { EventMeta } from "../../../../relay/event/event.ts";
import { createMessages, type Message } from "../../../../relay/targets/nats/message.ts";
import { targetSchema } from "../../../../relay/targets/registry.ts";
import { eventMeta } from "../../../helpers/events.ts";

const BASE = { type: "nats", servers: ["nats://127.0.0.1:4222"] };

function messageFor(
  changes: Record<string, unknown>,
  given: { readonly meta?: Partial<EventMeta>; readonly body?: object; readonly replay?: number } = {},
): Message {
  const config = targetSchema.parse({ ...BASE, ...changes });
  if (config.type !== "nats") throw new TypeError("not a NATS target");
  const { meta, body = {}, replay = 0 } = given;
  return createMessages(config)({ meta: eventMeta(meta), body: Buffer.from(JSON.stringify(body)), replay });
}

test("createMessages(): subject and id of an event, and GitLab's headers without the secret token", () => {
  const headers = [
    ["x-gitlab-event", "Push Hook"],
    ["x-gitlab-token", "s3cret"],
    ["user-agent", "GitLab/18"],
  ] as const;
  const message = messageFor({}, { meta: { kind: "push", headers } });
  expect(message).toMatchObject({ subject: "gitlab.push", id: eventMeta().id });
  expect(message.headers).toEqual({
    "x-gitlab-event": "Push Hook",
    "x-relay-event-id": eventMeta().id,
    "x-relay-received-at": expect.any(String),
  });
  expect(messageFor({}, { meta: { instanceName: "partner" } }).headers).toMatchObject({
    "x-relay-instance": "partner",
  });
});

test.each([
  ["acme/web", "acme.web"],
  ["acme/my.web", "acme.my_web"],
  ["acme/>", "acme._"],
  ["*.>", "___"],
  ["a b\r\nPUB x 1", "a_b__PUB_x_1"],
  ["/a//b/", "_.a._.b._"],
  ["Ünïcode/日本", "Ünïcode.日本"],
  ["", "_"],
])("createMessages(): a value %j stays in its place of the subject", (projectPath, tokens) => {
  const { subject } = messageFor(
    { subject: "gitlab.{{ event.project.path }}.end" },
    { meta: { projectPath } },
  );
  expect(subject).toBe(`gitlab.${tokens}.end`);
});

test("createMessages(): a replay has an id of its own, as the stream would take it for what it has", () => {
  const id = eventMeta().id;
  expect(messageFor({}, { replay: 2 }).id).toBe(`${id}-replay-2`);
  expect(messageFor({ messageId: "{{ event.id }}-b" }).id).toBe(`${id}-b`);
});

test.each([
  [{ subject: "{{ body.nope }}" }, "subject: No such key: nope"],
  [{ subject: "gitlab.*" }, 'subject: "gitlab.*" is not a subject to publish to'],
  [{ subject: "gitlab..x" }, "is not a subject"],
  [{ subject: "a b" }, "is not a subject"],
  [{ subject: "{{ body.long }}" }, "subject: is longer than 1024 characters"],
  [{ messageId: "{{ body.x.y }}" }, "messageId: No such key: x"],
])("createMessages(): %j is refused with the place", (changes, error) => {
  expect(() => messageFor(changes, { body: { long: "x".repeat(2000) } })).toThrow(error);
});

test.each<[object, RegExp]>([
  [{ servers: [] }, /servers: is empty/],
  [{ servers: ["http://x"] }, /servers\.0: must be an address such as nats/],
  [{ servers: ["nats://u:p@x"] }, /servers\.0: holds credentials/],
  [{ user: "relay" }, /password: user and password belong together/],
  [{ token: "t", credsFile: "f" }, /credsFile: set one of user, token and credsFile/],
  [{ subject: "{{ nope }}" }, /subject: \{\{ nope \}\}: Unknown variable/],
  [{ stream: "a.b" }, /stream: is not the name of a stream/],
])("settings %j are refused", (changes, message) => {
  const parsed = targetSchema.safeParse({ ...BASE, ...changes });
  const issues = parsed.error?.issues.map((i) => `${i.path.join(".")}: ${i.message}`) ?? [];
  expect(issues.join("\n")).toMatch(message);
});
