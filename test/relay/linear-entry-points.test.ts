import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog, createSecrets } from "../../lib/log.ts";
import { refusalOf } from "../../lib/gitlab/refusal.ts";
import { parseSettingsFile } from "../../lib/settings-file.ts";
import { createAddressRules } from "../../relay/http/client-address.ts";
import { incomingTrace } from "../../relay/event/trace.ts";
import { groupsInClaims } from "../../relay/admin/auth/groups.ts";
import { hookMismatch } from "../../relay/ingest/hook-binding.ts";
import { oneLine } from "../../lib/one-line.ts";
import { textTable } from "../../cli/text-table.ts";
import { roleOf } from "../../relay/admin/auth/roles.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { excerptOf } from "../../relay/targets/connection/exchange.ts";
import { resultOfAnswer, resultOfFailure } from "../../relay/delivery/outcome.ts";
import { previewOf } from "../../relay/targets/registry.ts";
import { compileTemplate } from "../../relay/expressions/template.ts";
import { readProjectRules } from "../../relay/routing/project-rules.ts";
import { createAdminFixture, type AdminFixture } from "../helpers/admin.ts";
import { createIntake } from "../helpers/intake.ts";
import { eventMeta } from "../helpers/events.ts";
import { growth, growthLater, LINEAR, repeated } from "../helpers/growth.ts";

/** What strangers, targets and providers send beside the payload, at each door: work on it grows with its length. */
const UNITS = ["eyJ-", "a,", "{{", '"\\'];

const { admin, targets } = configSchema.parse({
  admin: {
    token: "x".repeat(20),
    roles: { viewer: ["*a*a*a*b", "**/*a/**/b"], operator: ["{*a,*aa}b"], admin: ["acme/*"] },
  },
  targets: {
    plain: { type: "http", url: "http://127.0.0.1:1/" },
    shaped: {
      type: "http",
      url: "http://127.0.0.1:1/",
      headers: { "X-Ref": "{{ body.ref }}" },
      body: { text: "{{ body.ref }} by {{ event.actor }}: {{ event.sentence }}", all: "{{ body }}" },
    },
    chat: { type: "http", url: "http://127.0.0.1:1/", format: "slack" },
    cloud: { type: "http", url: "http://127.0.0.1:1/", format: "cloudevents" },
  },
});
const log = createLog({ level: "debug", secrets: createSecrets(), write: () => {} });
const addresses = createAddressRules({ trustedProxies: ["127.0.0.0/8"], allowedIps: ["10.0.0.0/8"] });
const asked = {
  what: "GET /projects",
  url: new URL("https://gitlab.example/api/v4"),
  addressName: "--gitlab-url",
};

const AT_ONCE: readonly (readonly [string, (text: string) => unknown])[] = [
  ["the output of a handler", (text) => log.info("handler.output", { line: text })],
  [
    "the body of a target's answer",
    (text) => log.warn("delivery.failed", { excerpt: excerptOf(Buffer.from(text)) }),
  ],
  [
    "Retry-After and Location of an answer",
    (text) => resultOfAnswer(429, { retryAfter: text, location: text }, text, 0),
  ],
  [
    "the error of a stream of NATS",
    (text) => log.warn("delivery.failed", { error: resultOfFailure(text).error }),
  ],
  [
    "GitLab's error text",
    (text) =>
      refusalOf(asked as never, { status: 400, headers: {}, body: { message: text } } as never, {
        mask: (t) => t,
        now: 0,
      }),
  ],
  [
    "GitLab's error page",
    (text) =>
      refusalOf(
        asked as never,
        { status: 403, headers: { "content-type": "text/html" }, body: `<title>${text}` } as never,
        { mask: (t) => t, now: 0 },
      ),
  ],
  [
    "claims of an identity provider",
    (text) => roleOf([text, `${text}b`, ...text.slice(0, 64).split("")], admin.roles),
  ],
  [
    "the settings file",
    (text) => parseSettingsFile({ path: "relay.yaml", text: `targets: { a: ${JSON.stringify(text)} }` }),
  ],
  [
    "a comment of the settings file",
    (text) => parseSettingsFile({ path: "relay.yaml", text: `port: 1\n# ${text.replaceAll("\n", "")}` }),
  ],
  ["groups that a proxy names", (text) => roleOf(text.split(","), admin.roles)],
  [
    "groups in a provider's claims",
    (text) => groupsInClaims({ groups: [text, ...text.slice(0, 64)] }, "groups"),
  ],
  ["a text of GitLab or the relay in a terminal", (text) => [oneLine(text), textTable(["A"], [[text]], 80)]],
  [
    "the payload's ids of a hook's project",
    (text) => hookMismatch("p15", eventMeta({}), { project: { id: text }, full_path: text }),
  ],
  ["a template", (text) => compileTemplate(text)],
  ["X-Forwarded-For", (text) => addresses.clientOf("127.0.0.1", text)],
  [
    "traceparent",
    (text) =>
      incomingTrace({
        headers: [
          ["traceparent", text],
          ["tracestate", text],
        ],
      }),
  ],
  ...Object.entries(targets).map(
    ([name, settings]) =>
      [
        `a request to the target "${name}"`,
        (text: string) =>
          previewOf(settings, {
            meta: eventMeta({ ref: `refs/heads/${text}`, actor: text.slice(0, 200) }),
            body: Buffer.from(JSON.stringify({ object_kind: "push", ref: text, user_username: text })),
          }),
      ] as const,
  ),
  [
    "the text of a project's file",
    (text) => {
      try {
        return readProjectRules(`targets: { bot: { branches: [${JSON.stringify(text)}] } }`);
      } catch (error) {
        return error;
      }
    },
  ],
];

test.each(AT_ONCE)("%s takes time in proportion to its length", (_place, handle) => {
  for (const unit of UNITS) {
    const grown = growth((length) => {
      const text = repeated(unit, length);
      return () => handle(text);
    });
    expect([unit, grown]).toEqual([unit, expect.toSatisfy((n: number) => n <= LINEAR)]);
  }
});

let relay: AdminFixture;
let proxied: AdminFixture;
beforeAll(() => {
  relay = createAdminFixture();
  proxied = createAdminFixture({
    settings: {
      server: { trustedProxies: ["10.0.0.1"] },
      admin: { token: "x".repeat(20), roles: { viewer: ["*a*a*a*b"] }, proxy: {} },
    },
  });
});
afterAll(() => {
  relay.close();
  proxied.close();
});
const { app, post } = createIntake();

function posted(path: string, body: object): Promise<Response> {
  return relay.api(path, { method: "POST", body: JSON.stringify(body) });
}

const AWAITED: readonly (readonly [string, (text: string) => Promise<unknown>])[] = [
  [
    "a path that nobody may read",
    (text) =>
      relay.raw(`/api/v1/events/${encodeURIComponent(text)}`, { headers: { Authorization: "Bearer wrong" } }),
  ],
  ["a path of a page", (text) => relay.api(`/events/${encodeURIComponent(text)}`)],
  [
    "a path of a webhook",
    (text) =>
      Promise.resolve(
        app.request(`/webhooks/gitlab/${encodeURIComponent(text)}`, { method: "POST", body: "{}" }),
      ),
  ],
  [
    "a path with slashes",
    (text) =>
      Promise.resolve(
        app.request(`/${"/".repeat(text.length)}webhooks/gitlab`, { method: "POST", body: "{}" }),
      ),
  ],
  ["a word that is searched", (text) => relay.api(`/api/v1/events?q=${encodeURIComponent(text)}`)],
  ["a glob that is searched", (text) => relay.api(`/api/v1/events?project=${encodeURIComponent(text)}`)],
  ["an id of GitLab's that is searched", (text) => relay.api(`/api/v1/events/${encodeURIComponent(text)}`)],
  [
    "the filter of a replay",
    (text) => posted("/api/v1/replays", { dryRun: true, q: text, project: [text], kind: text }),
  ],
  [
    "the fields of a replay",
    (text) => posted("/api/v1/replays", { [text]: true, targets: text, rate: text }),
  ],
  [
    "settings that are tried",
    (text) => posted("/api/v1/targets/ci-bot/preview", { event: text, settings: { when: text, url: text } }),
  ],
  [
    "a person and groups that a proxy names",
    (text) =>
      proxied.raw("/api/v1/targets", {
        headers: {
          "X-Forwarded-User": encodeURIComponent(text),
          "X-Forwarded-Groups": encodeURIComponent(text),
        },
        from: "10.0.0.1",
      }),
  ],
  [
    "the way back from a provider",
    (text) =>
      relay.raw(`/login/callback?error=${encodeURIComponent(text)}&state=${encodeURIComponent(text)}`),
  ],
  [
    "ids that a recovery asks for",
    (text) =>
      post({ path: "/webhooks/gitlab/known", body: JSON.stringify({ ids: [text, ...text.slice(0, 64)] }) }),
  ],
  [
    "the instance of a webhook",
    (text) =>
      post({
        headers: {
          "x-gitlab-token": text.replaceAll("\n", ""),
          "x-gitlab-instance": `https://${encodeURIComponent(text)}`,
        },
      }),
  ],
  ["a parameter that nobody knows", (text) => relay.api(`/api/v1/events?${encodeURIComponent(text)}=1`)],
  [
    "a bearer token",
    (text) =>
      relay.raw("/api/v1/events", { headers: { Authorization: `Bearer ${encodeURIComponent(text)}` } }),
  ],
  [
    "cookies",
    (text) => relay.raw("/", { headers: { Cookie: encodeURIComponent(text).replaceAll("%", ";") } }),
  ],
  [
    "a form of a log-in",
    (text) =>
      relay.raw("/login", {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: `token=${encodeURIComponent(text)}`,
      }),
  ],
];

test.each(AWAITED)("%s takes time in proportion to its length", async (_place, handle) => {
  for (const unit of UNITS.slice(0, 2)) {
    const grown = await growthLater((length) => {
      const text = repeated(unit, length);
      return () => handle(text);
    });
    expect([unit, grown]).toEqual([unit, expect.toSatisfy((n: number) => n <= LINEAR)]);
  }
});
