/** The ready formats against what their receivers document, for every kind of event that is recorded here. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { object } from "../../../../lib/json.ts";
import { eventFacts } from "../../../../relay/event/event-facts.ts";
import { toldEvent, type ToldEvent } from "../../../../relay/targets/http/formats/format.ts";
import { READY_FORMATS, type ReadyFormat } from "../../../../relay/targets/http/formats/ready.ts";
import { eventMeta } from "../../../helpers/events.ts";

const fixtures = new URL("../../../fixtures/", import.meta.url);

function told(payload: Readonly<Record<string, unknown>>, header: string | null = null): ToldEvent {
  const facts = eventFacts({ header, instance: null }, payload);
  return toldEvent(eventMeta({ header, ...facts }), payload);
}

const recorded = readdirSync(fixtures)
  .filter((file) => file.endsWith(".json"))
  .map((file) => {
    const {
      header = null,
      body,
      ...rest
    } = JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as {
      header?: string | null;
      body?: Readonly<Record<string, unknown>>;
    };
    return [file, told(body ?? (rest as Readonly<Record<string, unknown>>), header)] as const;
  });

const HOSTILE = '<!channel> @channel @everyone [click](https://evil.example) **x** & </a> ‮ " \\ | \n`';
const hostile = told({
  object_kind: "merge_request",
  user: { username: HOSTILE },
  project: { id: 1, path_with_namespace: `acme/${HOSTILE}`, web_url: "https://gitlab.example.com/acme/web" },
  object_attributes: {
    iid: 7,
    action: "open",
    title: HOSTILE,
    url: "https://gitlab.example.com/x?a=1|2&b=<3>",
  },
});
const endless = told({
  object_kind: "push",
  user_username: "a&".repeat(5000),
  ref: `refs/heads/${"b<".repeat(5000)}`,
  project: { id: 1, path_with_namespace: `acme/${"c>".repeat(5000)}` },
});
const all = [...recorded, ["hostile", hostile] as const, ["endless", endless] as const];

const address = z.url({ protocol: /^https?$/ }).max(3000);

/** Slack, reference of blocks: section with text from 1 to 3000 characters. */
const slack = z.strictObject({
  text: z.string().min(1).max(40_000),
  blocks: z
    .array(
      z.strictObject({
        type: z.literal("section"),
        text: z.strictObject({ type: z.literal("mrkdwn"), text: z.string().min(1).max(3000) }),
      }),
    )
    .max(50),
});

/** Mattermost, message attachments: `fallback` is required, `footer` has at most 300 characters. */
const mattermost = z.strictObject({
  attachments: z.array(
    z.strictObject({
      fallback: z.string().min(1),
      title: z.string().min(1),
      title_link: address.optional(),
      footer: z.string().optional(),
    }),
  ),
});

/** Adaptive Cards 1.2, as a workflow of Teams takes them; a message has at most 28 KB. */
const teams = z.strictObject({
  type: z.literal("message"),
  attachments: z.tuple([
    z.strictObject({
      contentType: z.literal("application/vnd.microsoft.card.adaptive"),
      contentUrl: z.null(),
      content: z.strictObject({
        $schema: z.literal("http://adaptivecards.io/schemas/adaptive-card.json"),
        type: z.literal("AdaptiveCard"),
        version: z.literal("1.2"),
        body: z.array(
          z.strictObject({
            type: z.literal("RichTextBlock"),
            inlines: z
              .array(
                z.strictObject({
                  type: z.literal("TextRun"),
                  text: z.string().min(1),
                  weight: z.enum(["Default", "Lighter", "Bolder"]).optional(),
                }),
              )
              .min(1),
          }),
        ),
        actions: z.array(
          z.strictObject({ type: z.literal("Action.OpenUrl"), title: z.string(), url: address }),
        ),
      }),
    }),
  ]),
});

/** Discord, Execute Webhook: at most 10 embeds of 6000 characters in all, title 256, description 4096. */
const discord = z.strictObject({
  allowed_mentions: z.strictObject({ parse: z.tuple([]) }),
  embeds: z
    .array(
      z.strictObject({
        title: z.string().min(1).max(256),
        description: z.string().min(1).max(4096),
        url: z.url().max(2048).optional(),
        timestamp: z.iso.datetime(),
      }),
    )
    .max(10),
});

/** Tekton and Argo Events take any JSON object; parameters are texts, and one that is missing is an error. */
const flat = z.strictObject(
  Object.fromEntries(
    /* oxfmt-ignore */
    ["id", "kind", "action", "projectId", "project", "ref", "branch", "tag", "sha", "user", "url", "text", "receivedAt"]
      .map((name) => [name, z.string()]),
  ),
);

/** Jenkins, remote access API: names of parameters as a shell knows them. */
const jenkins = z.record(z.string().regex(/^GITLAB_[A-Z_]+$/), z.string().min(1));

const SCHEMAS: Readonly<Record<ReadyFormat, z.ZodType>> = {
  slack,
  mattermost,
  teams,
  discord,
  jenkins,
  tekton: flat,
  "argo-events": flat,
};

describe.each(Object.entries(READY_FORMATS))("format %s", (name, format) => {
  test.each(all)("fits what its receiver documents: %s", (_file, event) => {
    const body = format.body(event);
    expect(Buffer.byteLength(body)).toBeLessThan(28_000);
    const isForm = format.contentType === "application/x-www-form-urlencoded";
    const sent: unknown = isForm ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body);
    expect(SCHEMAS[name as ReadyFormat].safeParse(sent).error).toBeUndefined();
  });
});

test("slack: nothing that a stranger writes calls anybody or becomes a link", () => {
  const { blocks } = slack.parse(JSON.parse(READY_FORMATS.slack.body(hostile)));
  const { text } = blocks[0]?.text ?? { text: "" };
  expect(text).toContain("&lt;!channel&gt;");
  expect([...text.matchAll(/<([^>]*)>/g)].map((found) => found[1])).toEqual([
    "https://gitlab.example.com/x?a=1%7C2&b=%3C3%3E|Open in GitLab",
  ]);
});

test("mattermost: no mention is left", () => {
  expect(READY_FORMATS.mattermost.body(hostile)).not.toMatch(/@(?:channel|everyone|all|here)/);
});

test("discord: markdown is text, and allowed_mentions is empty", () => {
  const { embeds } = discord.parse(JSON.parse(READY_FORMATS.discord.body(hostile)));
  expect(embeds[0]?.description).toContain("\\[click\\]\\(");
});

test("toldEvent() finds the page of GitLab and the commit that an event is about", () => {
  const project = { id: 1, path_with_namespace: "acme/web", web_url: "https://gitlab.example.com/acme/web" };
  const sha = "a".repeat(40);
  const pushed = { object_kind: "push", project, checkout_sha: sha };
  const root = project.web_url;
  const of = (payload: object) => told(object(payload));
  expect(of({ ...pushed, ref: "refs/heads/fix/ä b" })).toMatchObject({
    url: `${root}/-/commits/fix/%C3%A4%20b`,
    sha,
  });
  expect(of({ ...pushed, object_kind: "tag_push", ref: "refs/tags/v1" })).toMatchObject({
    url: `${root}/-/tags/v1`,
    tag: "v1",
  });
  const gone = { ...pushed, ref: "refs/heads/x", after: "0".repeat(40), checkout_sha: null };
  expect(of(gone)).toMatchObject({ url: root, sha: null });
  expect(of({ object_kind: "build", project, build_id: 9, sha })).toMatchObject({
    url: `${root}/-/jobs/9`,
    sha,
  });
  expect(of({ object_kind: "issue", object_attributes: { url: "javascript:alert(1)" } }).url).toBeNull();
});
