/**
 * The one table of the installer's options. From it come the command line, the environment, the help text, the checks, the
 * pages of the documentation and the inputs of the component: nothing else names an option.
 */
import { z } from "zod";
import { eventByName, subscribable } from "../../lib/events.ts";

export const COMMANDS = ["install", "uninstall", "recover", "schedule"] as const;
export type Command = (typeof COMMANDS)[number];

/** How the text of an option becomes a value: lists are comma separated, or a JSON array. */
export type OptionType = "text" | "number" | "boolean" | "list" | "choice";

interface RowInput {
  readonly type: OptionType;
  /** Null: nothing, or see `fallback`. */
  readonly default: string | number | boolean | readonly string[] | null;
  readonly description: string;
  readonly example?: string;
  /** The only values, of a choice. */
  readonly options?: readonly string[];
  /** What a value must match, for GitLab's input check (RE2). */
  readonly regex?: string;
  /** Its values are masked in every output. */
  readonly secret?: boolean;
  /** Environment variable that is read where neither the option nor its own variable is set. */
  readonly fallback?: string;
  /** Commands that know it. */
  readonly commands: readonly Command[];
  /** Commands that do not run without it. */
  readonly required?: readonly Command[];
  readonly schema: z.ZodType;
}

const hooksCommands: readonly Command[] = ["install", "uninstall", "recover"];
const all: readonly Command[] = COMMANDS;
const texts = z.array(z.string().min(1)).default([]);
const optional = z.string().min(1).nullable().default(null);
const count = z.number("must be a number").int("must be a whole number").min(1, "must be at least 1");

function webUrl(text: string, context: z.RefinementCtx): void {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  const problem =
    parsed === null || !/^https?:$/.test(parsed.protocol)
      ? "must be an http or https URL"
      : parsed.username !== "" || parsed.password !== ""
        ? "must not hold credentials: the address shows in reports and in every project's settings"
        : parsed.hash === ""
          ? null
          : "must not have a fragment";
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}

function knownEvents(names: readonly string[], context: z.RefinementCtx): void {
  const unknown = names.filter((name) => name !== "all" && eventFlag(name) === null);
  if (unknown.length === 0) return;
  const known = subscribable("group").map((row) => row.kind);
  context.addIssue({
    code: "custom",
    message: `unknown event ${unknown.map((n) => JSON.stringify(n)).join(", ")}; known: all, ${known.join(", ")}, deploy_token`,
  });
}

/** The hook flag that a name stands for, null where no project or group hook has such an event. */
export function eventFlag(name: string): string | null {
  const row = eventByName(name);
  return row !== undefined && row.flag !== null && row.scopes.some((s) => s !== "system") ? row.flag : null;
}

const HEADER = /^\s*([A-Za-z](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9])){0,254})\s*:\s*(\S(?:.*\S)?)\s*$/s;

function headers(lines: readonly string[], context: z.RefinementCtx): Readonly<Record<string, string>> {
  const result: Record<string, string> = {};
  if (lines.length > 20)
    context.addIssue({ code: "custom", message: `at most 20 headers, not ${lines.length}` });
  lines.forEach((line, index) => {
    const match = HEADER.exec(line);
    if (match) result[match[1] as string] = match[2] as string;
    else {
      const cure = 'expected "Name: value"; values with commas need a JSON array or object';
      context.addIssue({ code: "custom", message: `item ${index + 1} is no header: ${cure}` });
    }
  });
  return result;
}

/* oxfmt-ignore */
export const TABLE = {
  gitlabUrl: {
    type: "text", default: null, fallback: "CI_SERVER_URL", commands: all, required: all, example: "https://gitlab.example.com",
    description: "Address of the GitLab instance, without /api/v4.",
    schema: z.string().superRefine(webUrl).nullable().default(null),
  },
  group: {
    type: "text", default: null, commands: hooksCommands, required: ["install", "uninstall"], example: "acme/platform",
    description: "Group whose projects get the hook: full path or id.",
    schema: optional,
  },
  url: {
    type: "text", default: null, commands: hooksCommands, required: ["install"], example: "https://hooks.acme.dev/webhooks/gitlab",
    regex: "^https?://", description: "Address of the relay that the hooks call. With a master secret each hook's own key is appended to it.",
    schema: z.string().superRefine(webUrl).nullable().default(null),
  },
  events: {
    type: "list", default: ["all"], commands: ["install"], example: "push,merge_requests",
    description: "Events that the hooks send: kinds (merge_request), flags (merge_requests_events) or their stems (merge_requests), or `all`.",
    schema: z.array(z.string().min(1)).min(1).superRefine(knownEvents).default(["all"]),
  },
  level: {
    type: "choice", default: "auto", options: ["auto", "group", "project"], commands: hooksCommands,
    description: "One hook on the group (a paid tier, needs the Owner role), a hook in each project, or whichever the instance allows.",
    schema: z.enum(["auto", "group", "project"]).default("auto"),
  },
  include: {
    type: "list", default: [], commands: hooksCommands, example: "acme/apps/**",
    description: "Globs of project paths, full or relative to the group: only these projects. Empty: all.",
    schema: texts,
  },
  exclude: {
    type: "list", default: [], commands: hooksCommands, example: "acme/sandbox/**",
    description: "Globs of project paths that are left alone; wins over include.",
    schema: texts,
  },
  topics: {
    type: "list", default: [], commands: hooksCommands, example: "service,backend",
    description: "Only projects that have at least one of these topics. Empty: all.",
    schema: texts,
  },
  visibility: {
    type: "choice", default: "all", options: ["all", "private", "internal", "public"], commands: hooksCommands,
    description: "Only projects of this visibility.",
    schema: z.enum(["all", "private", "internal", "public"]).default("all"),
  },
  chunkSize: {
    type: "number", default: 100, commands: hooksCommands,
    description: "Projects listed at a time, 1 to 100: a chunk is finished before a small budget is spent on the next.",
    schema: count.max(100, "must be at most 100, GitLab's longest page").default(100),
  },
  concurrency: {
    type: "number", default: 8, commands: hooksCommands,
    description: "Requests under way at a time, 1 to 64.",
    schema: count.max(64, "must be at most 64").default(8),
  },
  maxRequests: {
    type: "number", default: null, commands: hooksCommands,
    description: "Requests of one run, retries included; then it stops and the next run goes on. 0 or unset: no limit.",
    schema: z.number("must be a number").int("must be a whole number").min(0, "must be at least 0").nullable().default(null).transform((n) => n === 0 ? null : n),
  },
  timeLimit: {
    type: "number", default: null, commands: hooksCommands,
    description: "Seconds that one run may take. Rate limits are waited for as long as that fits, otherwise the run stops and the next one goes on. Unset: no limit, and waits of up to 30 seconds.",
    schema: z.number("must be a number of seconds").positive("must be above 0").nullable().default(null),
  },
  stateFile: {
    type: "text", default: null, commands: hooksCommands, example: ".hooks-state.json",
    description: "File that keeps where an interrupted run stopped. A hint only: without it a run begins at the first project.",
    schema: optional,
  },
  reportDir: {
    type: "text", default: null, commands: hooksCommands, example: "hooks-report",
    description: "Folder for report.json, report.md, junit.xml and hooks.env.",
    schema: optional,
  },
  dryRun: {
    type: "boolean", default: false, commands: all,
    description: "Shows the plan and changes nothing.",
    schema: z.boolean("must be true or false").default(false),
  },
  failOnDrift: {
    type: "boolean", default: false, commands: hooksCommands,
    description: "With a dry run: exit status 3 where something would change.",
    schema: z.boolean("must be true or false").default(false),
  },
  enableSslVerification: {
    type: "boolean", default: true, commands: ["install"],
    description: "Whether GitLab checks the relay's certificate.",
    schema: z.boolean("must be true or false").default(true),
  },
  pushEventsBranchFilter: {
    type: "text", default: "", commands: ["install"], example: "release/*",
    description: "Only pushes to branches that match this wildcard. Empty: all.",
    schema: z.string().default(""),
  },
  customHeaders: {
    type: "list", default: [], secret: true, commands: ["install", "recover"], example: "X-Team: platform",
    description: "Headers that GitLab adds to each delivery, as `Name: value`; a JSON object works too. Values are treated as secrets.",
    schema: z.array(z.string()).default([]).transform(headers),
  },
  pruneDuplicates: {
    type: "boolean", default: true, commands: ["install"],
    description: "Whether further hooks of ours in the same place are removed; the oldest healthy one stays.",
    schema: z.boolean("must be true or false").default(true),
  },
  reenable: {
    type: "boolean", default: true, commands: ["install"],
    description: "Whether hooks that GitLab disabled or paused are woken by a test delivery, or recreated where none is possible.",
    schema: z.boolean("must be true or false").default(true),
  },
  since: {
    type: "text", default: "7d", commands: ["recover"], example: "36h", regex: "^([0-9]+[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+))?)$",
    description: "How far back the delivery logs are read where no earlier run has read them: 90m, 36h, 7d, or a date and time as 2026-01-31T08:00:00Z. GitLab keeps seven days.",
    schema: z.string().regex(/^(\d+[smhd]|\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-][\d:]+))?)$/, "must be a time span as 36h or 7d, or a date and time as 2026-01-31T08:00:00Z").refine((text) => /[smhd]$/.test(text) || !Number.isNaN(Date.parse(text)), "is no date").default("7d"),
  },
  mode: {
    type: "choice", default: "auto", options: ["auto", "resend", "replay"], commands: ["recover"],
    description: "resend: GitLab sends again, five a minute and project. replay: the job itself posts the logged body to the hook's address. auto: resend as long as that limit lasts, replay beyond.",
    schema: z.enum(["auto", "resend", "replay"]).default("auto"),
  },
  projects: {
    type: "list", default: [], commands: ["recover"], example: "acme/app,42",
    description: "Only these projects, as paths or ids; the group is not listed then. Empty: all of the group.",
    schema: texts,
  },
  output: {
    type: "choice", default: "text", options: ["text", "json"], commands: hooksCommands,
    description: "What goes to standard output: lines to read, or report.json (then the lines go to standard error).",
    schema: z.enum(["text", "json"]).default("text"),
  },
  project: {
    type: "text", default: null, fallback: "CI_PROJECT_ID", commands: ["schedule"], required: ["schedule"], example: "acme/hooks",
    description: "Project whose pipeline runs the component: path or id.",
    schema: optional,
  },
  cron: {
    type: "text", default: "17 * * * *", commands: ["schedule"],
    description: "When the pipeline runs, five fields.",
    schema: z.string().min(1).default("17 * * * *"),
  },
  cronTimezone: {
    type: "text", default: "UTC", commands: ["schedule"], example: "Europe/Berlin",
    description: "Time zone of the cron fields, an IANA name.",
    schema: z.string().min(1).default("UTC"),
  },
  ref: {
    type: "text", default: null, fallback: "CI_DEFAULT_BRANCH", commands: ["schedule"], required: ["schedule"], example: "main",
    description: "Branch or tag that the pipeline runs on.",
    schema: optional,
  },
  description: {
    type: "text", default: "gitlab-hook-relay", commands: ["schedule"],
    description: "Description of the schedule; the schedule is found again by it.",
    schema: z.string().min(1).default("gitlab-hook-relay"),
  },
  active: {
    type: "boolean", default: true, commands: ["schedule"],
    description: "Whether the schedule is active.",
    schema: z.boolean("must be true or false").default(true),
  },
  inputs: {
    type: "list", default: [], commands: ["schedule"], example: "group=acme",
    description: "Inputs of the scheduled pipeline, as `name=value` (GitLab >= 18.1).",
    schema: z.array(z.string().regex(/^[^=]+=/s, "expected name=value")).default([]),
  },
  variables: {
    type: "list", default: [], commands: ["schedule"], example: "HOOKS_GROUP=acme",
    description: "Variables of the scheduled pipeline, as `NAME=value`. Not for secrets: they are masked variables of the project.",
    schema: z.array(z.string().regex(/^[A-Za-z_]\w*=/s, "expected NAME=value")).default([]),
  },
} as const satisfies Record<string, RowInput>;

export type Key = keyof typeof TABLE;

/** One option as generators, the parser and the help text read it. */
export interface OptionRow extends RowInput {
  readonly key: Key;
  /** `chunk-size`: on the command line `--chunk-size`. */
  readonly name: string;
  /** `HOOKS_CHUNK_SIZE`; also as `HOOKS_CHUNK_SIZE_FILE`. */
  readonly env: string;
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const OPTIONS: readonly OptionRow[] = (Object.entries(TABLE) as [Key, RowInput][]).map(([key, row]) =>
  Object.assign(
    { key, name: kebab(key), env: `HOOKS_${kebab(key).toUpperCase().replaceAll("-", "_")}` },
    row,
  ),
);

/** What never stands on a command line: read from the environment or from the file that NAME_FILE names. */
export interface SecretRow {
  readonly key: "gitlabToken" | "secretToken" | "signingToken" | "masterSecret";
  readonly env: string;
  readonly description: string;
}

export const SECRETS: readonly SecretRow[] = [
  {
    key: "gitlabToken",
    env: "HOOKS_GITLAB_TOKEN",
    description:
      "Access token with scope `api` and the Maintainer role in the group (Owner for a group hook). Several, comma separated: the next one takes over where one is used up or refused.",
  },
  {
    key: "secretToken",
    env: "GITLAB_WEBHOOK_SECRET",
    description:
      "Secret token of the hooks. Several, comma separated: the first one is written, the relay accepts all.",
  },
  {
    key: "signingToken",
    env: "GITLAB_WEBHOOK_SIGNING_TOKEN",
    description:
      "Signing token of the hooks, `whsec_` and base64 of 32 bytes (GitLab >= 19.0). The first of several is written.",
  },
  {
    key: "masterSecret",
    env: "GITLAB_WEBHOOK_MASTER_SECRET",
    description:
      "Each hook gets a secret and a signing token of its own, derived from this. The first of several is used; it wins over the two above.",
  },
];

/** The schema of all options together. */
export const optionsSchema = z.strictObject(
  Object.fromEntries(OPTIONS.map((row) => [row.key, row.schema.describe(row.description)])) as unknown as {
    [K in Key]: (typeof TABLE)[K]["schema"];
  },
);

export type Options = z.output<typeof optionsSchema>;

/** First of each kind, as hooks are written with it; null where none is set. */
export interface HookSecrets {
  readonly secretToken: string | null;
  readonly signingToken: string | null;
  readonly masterSecret: string | null;
}

export interface Config extends Options {
  readonly gitlabTokens: readonly string[];
  readonly secrets: HookSecrets;
}
