import { describe, expect, test } from "vitest";
import { createLog, createSecrets } from "../../lib/log.ts";
import { configSchema } from "../../relay/config/schema.ts";
import { newEvent } from "../../relay/ingest/event.ts";
import { compileRules } from "../../relay/routing/rules.ts";
import { growth, LINEAR, repeated } from "../helpers/growth.ts";

/** What strangers write, in each place where they can: work on it grows with its length, whatever it is made of. */
const UNITS = ["a", "/", "a/", "eyJ-", "glpat-", "-----BEGIN ", "**", "(a|", "../", "\u202e", "😀"];

const PLACES: readonly (readonly [
  string,
  (text: string) => { headers?: [string, string][]; body: object },
])[] = [
  ["header", (text) => ({ headers: [["x-gitlab-event", text]], body: { object_kind: "push" } })],
  ["delivery id", (text) => ({ headers: [["idempotency-key", text]], body: { object_kind: "push" } })],
  ["instance", (text) => ({ headers: [["x-gitlab-instance", text]], body: { object_kind: "push" } })],
  [
    "system hook",
    (text) => ({
      headers: [["x-gitlab-event", "System Hook"]],
      body: {
        event_name: "project_transfer",
        path_with_namespace: text,
        old_path_with_namespace: text,
        owner_name: text,
      },
    }),
  ],
  ["group", (text) => ({ body: { event_name: "group_rename", full_path: text, old_full_path: text } })],
  ["kind", (text) => ({ body: { object_kind: text, event_name: text } })],
  [
    "project path",
    (text) => ({ body: { object_kind: "push", project: { id: 1, path_with_namespace: text } } }),
  ],
  [
    "address",
    (text) => ({ body: { object_kind: "vulnerability", object_attributes: { url: `https://x/${text}` } } }),
  ],
  ["branch", (text) => ({ body: { object_kind: "push", ref: `refs/heads/${text}` } })],
  ["action", (text) => ({ body: { object_kind: "issue", object_attributes: { action: text } } })],
  ["label", (text) => ({ body: { object_kind: "issue", labels: [{ title: text }] } })],
  ["labels", (text) => ({ body: { object_kind: "issue", labels: [...text].map((title) => ({ title })) } })],
  ["title", (text) => ({ body: { object_kind: "issue", object_attributes: { title: text } } })],
  ["description", (text) => ({ body: { object_kind: "issue", object_attributes: { description: text } } })],
  ["user", (text) => ({ body: { object_kind: "push", user_username: text, user_name: text } })],
];

const hard = ["*a*a*a*a*a*a*a*b", "**/*a/**/*a/**/b", "+(a|aa|/)c", "!(*a*a*a*b)/c", "{*a,*aa,*/}{*a,*b}c"];
const config = configSchema.parse({
  targets: {
    names: { type: "log", projects: hard, branches: hard, labels: hard },
    others: { type: "log", projects: hard.map((glob) => `!${glob}`), labels: hard.map((glob) => `!${glob}`) },
    texts: {
      type: "log",
      when: `body.?object_attributes.?title.orValue("").matches("(a|aa)*c$") ||
        body.?object_attributes.?description.orValue("").lowerAscii().contains("aab") ||
        body.?labels.orValue([]).exists(l, l.title.startsWith("b"))`,
    },
  },
});
const lines: string[] = [];
const log = createLog({ level: "debug", secrets: createSecrets(), write: (line) => void lines.push(line) });

describe.each(PLACES)("%s", (_place, received) => {
  test("takes time in proportion to its length", () => {
    const rules = Object.values(config.targets).map((target) => compileRules(target, () => {}));
    const handle = (text: string) => {
      const { headers = [], body } = received(text);
      const bytes = Buffer.from(JSON.stringify(body));
      return () => {
        const { meta } = newEvent({
          headers: Object.fromEntries([["x-gitlab-event", "Issue Hook"], ...headers]),
          body: bytes,
          instance: null,
          pairSystemHooks: false,
          hookKey: null,
          parsed: body as Readonly<Record<string, unknown>>,
          receivedAt: 0,
          verifiedBy: ["token"],
          verifiedMs: 0,
        });
        lines.length = 0;
        log.info("event.seen", { ...meta, text });
        const event = { ...meta, id: "x" };
        for (const { passesMeta, passesBody } of rules) {
          passesMeta(event);
          passesBody?.(event, body);
        }
      };
    };
    for (const unit of UNITS) {
      expect([unit, growth((length) => handle(repeated(unit, length)))]).toEqual([
        unit,
        expect.toSatisfy((n: number) => n <= LINEAR),
      ]);
    }
  });
});
