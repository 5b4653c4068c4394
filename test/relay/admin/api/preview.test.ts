import { afterEach, beforeEach, expect, test } from "vitest";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";

const SETTINGS = {
  targets: {
    "ci-bot": {
      type: "http",
      url: "https://bot:hunter22@bot.internal/gitlab?key=querysecret",
      headers: { "X-Key": "headersecret" },
      branches: ["main"],
    },
    chat: { type: "http", url: "https://chat.internal/services/pathsecret", format: "slack" },
    deploy: { type: "pipeline", url: "https://gitlab.example.com", token: "glptt-secret", project: "acme/x" },
    seen: { type: "log" },
  },
};

let fixture: AdminFixture;
let event: string;
beforeEach(async () => {
  fixture = createAdminFixture({ settings: SETTINGS });
  const meta = { kind: "push", header: "Push Hook", ref: "refs/heads/dev", actor: "alice" };
  event = await fixture.add(meta, '{"object_kind":"push","n":1,"password":"glpat-12345678901234567890"}');
});
afterEach(() => fixture.close());

interface Answered {
  readonly status: number;
  readonly body: {
    readonly gets: boolean;
    readonly request: { readonly to: string; readonly headers: object; readonly body: string };
    readonly error: { readonly message: string };
  };
}

async function preview(target: string, body: unknown): Promise<Answered> {
  const response = await fixture.api(`/api/v1/targets/${target}/preview`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answered["body"] };
}

test("preview says whether the target would get the event, and why not", async () => {
  const { status, body } = await preview("ci-bot", { event });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    target: "ci-bot",
    event,
    gets: false,
    stoppedBy: [{ rule: "branches", text: 'its branch is "dev"' }],
    overrides: [],
    error: null,
  });
  expect((await preview("seen", { event })).body).toMatchObject({ gets: true, stoppedBy: [], request: null });
});

test("preview shows what would be sent, and no secret", async () => {
  const { body } = await preview("ci-bot", { event });
  expect(body.request.to).toBe("POST https://bot.internal/gitlab");
  expect(body.request.headers).toMatchObject({
    "x-key": "***",
    authorization: "***",
    "x-relay-event-id": event,
  });
  const chat = await preview("chat", { event });
  expect(JSON.parse(chat.body.request.body).text).toContain("alice pushed");
  expect(chat.body.request.to).toBe("POST https://chat.internal/…");
  const deploy = await preview("deploy", { event });
  expect(deploy.body.request.to).toBe(
    "POST https://gitlab.example.com/api/v4/projects/acme%2Fx/trigger/pipeline",
  );
  expect(JSON.parse(deploy.body.request.body)).toMatchObject({ ref: "dev", token: "***" });
  const all = JSON.stringify([body, chat.body, deploy.body]);
  for (const secret of [
    "hunter22",
    "querysecret",
    "headersecret",
    "glptt-secret",
    "glpat-1234",
    "pathsecret",
  ])
    expect(all).not.toContain(secret);
});

test("preview tells the path of a chat's webhook with no format that is tried, and shows an address that is tried", async () => {
  const raw = await preview("chat", { event, settings: { format: "raw" } });
  expect(raw.body.request.to).toBe("POST https://chat.internal/…");
  expect(JSON.stringify(raw.body)).not.toContain("pathsecret");
  const own = await preview("chat", { event, settings: { format: "raw", url: "https://new.internal/a" } });
  expect(own.body.request.to).toBe("POST https://new.internal/a");
});

test("preview tries other settings, and puts none in force", async () => {
  const settings = {
    branches: ["dev"],
    headers: {},
    body: { text: "{{ event.actor }}: {{ body.n + 1.0 }}" },
  };
  const { body } = await preview("ci-bot", { event, settings });
  expect(body.gets).toBe(true);
  expect(JSON.parse(body.request.body)).toEqual({ text: "alice: 2" });
  expect(fixture.config.targets["ci-bot"]).toMatchObject({ branches: ["main"] });
});

test("preview: an event that lacks what a template asks for would become a dead letter, with the place", async () => {
  const settings = { body: { text: ["{{ body.nope }}"] } };
  const { status, body } = await preview("ci-bot", { event, settings });
  expect(status).toBe(200);
  expect(body).toMatchObject({ request: null, error: "body.text.0: No such key: nope" });
});

test.each<[string, string, unknown, number, RegExp]>([
  ["an unknown target", "nope", { event: "x" }, 404, /no target "nope"/],
  ["an inherited name", "constructor", { event: "x" }, 404, /no target/],
  ["an unknown event", "seen", { event: "01kf0000000000000000000009" }, 404, /no such event/],
  ["no event", "seen", {}, 400, /event must be the id/],
  ["no object", "seen", [], 400, /must be a JSON object/],
  ["another field", "seen", { event: "x", rules: {} }, 400, /no field "rules"/],
  ["settings that are none", "seen", { event: "x", settings: 1 }, 400, /settings must be an object/],
  ["wrong settings", "seen", { event: "x", settings: { when: "body." } }, 400, /settings\.when: /],
  ["unknown settings", "seen", { event: "x", settings: { url: "y" } }, 400, /settings\./],
])("preview refuses %s", async (_claim, target, asked, status, message) => {
  const answer = await preview(target, asked);
  expect(answer.status).toBe(status);
  expect(answer.body.error.message).toMatch(message);
});

test("preview changes nothing, and leaves no trace of a change", async () => {
  await preview("chat", { event });
  expect(fixture.audit.entries).toEqual([]);
  expect(fixture.lines.filter((line) => line.event === "admin.change")).toEqual([]);
});

test("the page of an event leads to a page that tells of every target", async () => {
  const page = await (await fixture.api(`/events/${event}`)).text();
  expect(page).toContain(`href="/events/${event}/preview"`);
  const response = await fixture.api(`/events/${event}/preview`);
  const text = await response.text();
  expect(response.status).toBe(200);
  for (const name of ["ci-bot", "chat", "deploy", "seen"]) expect(text).toContain(`/targets/${name}"`);
  expect(text.match(/would not get it/g)).toHaveLength(1);
  expect(text).toContain("its branch is &quot;dev&quot;");
  for (const secret of ["hunter22", "querysecret", "headersecret", "glptt-secret", "pathsecret"])
    expect(text).not.toContain(secret);
  expect((await fixture.api("/events/01kf0000000000000000000009/preview")).status).toBe(404);
});

test("GET project-files lists the projects whose own file is refused", async () => {
  const response = await fixture.api("/api/v1/project-files");
  expect(await response.json()).toEqual({ refused: [] });
});
