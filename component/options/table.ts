/**
 * The one table of the installer's options. From it come the command line, the environment, the help text, the checks, the
 * pages of the documentation and the inputs of the components: nothing else names an option.
 */
import {
  groupPath,
  headers,
  gitlabAddress,
  plainPath,
  projectGlobs,
  someEvent,
  systemEvents,
  validDate,
  webUrl,
  withoutApiPath,
} from "./checks.ts";
import {
  choice,
  COMMANDS,
  wholeNumber,
  flag,
  limit,
  listOption,
  record,
  seconds,
  textOption,
  textOr,
  type Command,
  type TableRow,
} from "./row.ts";

const hooks: readonly Command[] = ["install", "uninstall", "recover"];
const writers: readonly Command[] = ["install", "uninstall"];
const all: readonly Command[] = COMMANDS;
/** An address that an input may also take from a variable. */
const ADDRESS = "^(https?://|\\$)\\S+$";
const FILE_IN_PROJECT = "^[\\w.-]+(/[\\w.-]+)*$";
/** Its name may come from a variable. */
const FOLDER_IN_PROJECT = "^[\\w.$-]+(/[\\w.$-]+)*$";
const EXAMPLE_RELAY = "https://hooks.acme.dev/webhooks/gitlab";
/** A span before now, or a date. */
const TIME = {
  regex: "^([0-9]+[smhd]|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9:]+))?)$",
  message: "must be a time span as 36h or 7d, or a date and time as 2026-01-31T08:00:00Z",
};

/* oxfmt-ignore */
export const TABLE = {
  gitlabUrl: textOption({
    commands: all, required: all, fallback: "CI_SERVER_URL", example: "https://gitlab.example.com", tidy: withoutApiPath, check: gitlabAddress,
    description: "Address of the GitLab instance.",
    input: { default: "$CI_SERVER_URL", regex: ADDRESS },
  }),
  group: textOption({
    commands: hooks, required: writers, optionalOnInstance: true, example: "acme/platform", tidy: plainPath, check: groupPath,
    description: "Group whose projects get the hook: full path or id.",
    input: {
      default: "", regex: "^\\S*$",
      note: {
        install: "Write an id in quotes. Only level: instance can do without.",
        recover: "Write an id in quotes. Only a list of projects can do without.",
      },
    },
  }),
  url: textOption({
    commands: hooks, required: ["install"], example: EXAMPLE_RELAY, check: webUrl,
    description: "Address of the relay that the hooks call. With a master secret each hook's own key is appended to it.",
    input: { regex: ADDRESS },
  }),
  events: listOption(["all"], {
    commands: ["install"], example: "push,merge_requests", check: someEvent,
    description: "Events that the hooks send: kinds (merge_request), flags (merge_requests_events) or their stems (merge_requests), or `all`.",
  }),
  level: choice(["auto", "group", "project", "instance"], "auto", {
    commands: hooks,
    description: "One hook on the group (a paid tier, needs the Owner role), a hook in each project, or whichever the instance allows. instance: one system hook for the whole instance (needs an administrator's token), and with a group its hooks for what the system hook does not send.",
  }),
  systemEvents: listOption(["all"], {
    commands: ["install"], example: "repository_update", check: systemEvents,
    description: "With --level instance: which of push, tag_push, merge_request and repository_update the system hook sends; what it leaves out the hooks of the group send. Or `all`.",
  }),
  include: listOption([], {
    commands: hooks, example: "acme/apps/**", check: projectGlobs,
    description: "Globs of project paths, full or relative to the group: only these projects. Empty: all.",
  }),
  exclude: listOption([], {
    commands: hooks, example: "acme/sandbox/**", check: projectGlobs,
    description: "Globs of project paths that are left alone; wins over include.",
  }),
  topics: listOption([], {
    commands: hooks, example: "service,backend",
    description: "Only projects that have at least one of these topics. Empty: all.",
  }),
  visibility: choice(["all", "private", "internal", "public"], "all", {
    commands: hooks,
    description: "Only projects of this visibility.",
  }),
  chunkSize: wholeNumber(100, {
    commands: hooks, most: [100, "must be at most 100, GitLab's longest page"],
    description: "Projects listed at a time, 1 to 100: a chunk is finished before a small budget is spent on the next.",
  }),
  concurrency: wholeNumber(8, {
    commands: hooks, most: [64, "must be at most 64"],
    description: "Requests under way at a time, 1 to 64.",
  }),
  maxRequests: limit({
    commands: hooks,
    description: "Requests of one run, retries included; then it stops and the next run goes on. 0 or unset: no limit.",
    input: { default: 0 },
  }),
  timeLimit: seconds({
    commands: hooks,
    description: "Seconds that one run may take. Rate limits are waited for as long as that fits, otherwise the run stops and the next one goes on. Unset: no limit, and waits of up to 30 seconds.",
    input: { default: 3000, note: "Keep it below timeout." },
  }),
  stateFile: textOption({
    commands: hooks, example: ".hooks-state.json",
    description: "File that keeps where an interrupted run stopped. A hint only: without it a run begins at the first project.",
    input: {
      regex: FILE_IN_PROJECT,
      default: { install: ".gitlab-hook-relay/install-state.json", recover: ".gitlab-hook-relay/recover-state.json" },
      note: { install: "It is kept in the cache.", recover: "It also keeps how far each log has been read, and is kept in the cache." },
    },
  }),
  reportDir: textOption({
    commands: hooks, example: "hooks-report",
    description: "Folder for report.json, report.md, junit.xml and hooks.env.",
    input: {
      regex: FOLDER_IN_PROJECT, note: "They become artifacts. Each job has its own folder.",
      default: ".gitlab-hook-relay/$CI_JOB_NAME_SLUG",
    },
  }),
  dryRun: flag(false, {
    commands: all,
    description: "Shows the plan and changes nothing.",
    input: { note: { install: "Here: in every pipeline.", recover: "Here: lists what was missed, in every pipeline." } },
  }),
  failOnDrift: flag(false, {
    commands: hooks,
    description: "With a dry run: exit status 3 if something would change.",
    input: { note: { recover: "Here: if something was missed." } },
  }),
  allowEmpty: flag(false, {
    commands: hooks,
    description: "Whether a run that finds no project to work on is a success. Without it such a run fails, with the reason.",
  }),
  removeSecrets: flag(false, {
    commands: ["install"],
    description: "Takes secret tokens, signing tokens and custom headers away from hooks that have them, if none is configured. Without it such a run stops before it changes anything.",
  }),
  enableSslVerification: flag(true, {
    commands: ["install"],
    description: "Whether GitLab checks the relay's certificate.",
  }),
  pushEventsBranchFilter: textOr("", {
    commands: ["install"], example: "release/*",
    description: "Only pushes to branches that match this wildcard. Empty: all.",
    input: { regex: "^\\S*$" },
  }),
  customHeaders: record({
    commands: ["install", "recover"], secret: true, example: "X-Team: platform",
    description: "Headers that GitLab adds to each delivery, as `Name: value`. Values are treated as secrets.",
    input: {
      note: { install: "A value may name a masked variable, as $VARIABLE.", recover: "A replay carries them, too. A value may name a masked variable, as $VARIABLE." },
    },
  }, headers),
  pruneDuplicates: flag(true, {
    commands: ["install"],
    description: "Whether further hooks of ours in the same place are removed; the oldest healthy one stays.",
  }),
  reenable: flag(true, {
    commands: ["install"],
    description: "Whether hooks that GitLab disabled or paused are woken by a test delivery, or recreated if GitLab cannot send one.",
  }),
  since: textOr("7d", {
    commands: ["recover"], example: "36h", check: validDate,
    pattern: TIME,
    description: "How far back the delivery logs are read if no earlier run has read them: 90m, 36h, 7d, or a date and time as 2026-01-31T08:00:00Z. GitLab keeps seven days.",
  }),
  until: textOption({
    commands: ["recover"], example: "2026-01-31T09:00:00Z", check: validDate, pattern: TIME,
    description: "The end of the window: deliveries that GitLab first tried later are left alone, and so is their place in the log. As since. Unset: now.",
    input: { default: "", regex: "^\\S*$" },
  }),
  mode: choice(["auto", "resend", "replay"], "auto", {
    commands: ["recover"],
    description: "resend: GitLab sends again, five a minute and project. replay: the job itself posts the logged body to the hook's address. auto: resend as long as that limit lasts, replay beyond.",
  }),
  projects: listOption([], {
    commands: ["recover"], example: "acme/app,42",
    description: "Only these projects, as paths or ids; the group is not listed then. Empty: all of the group.",
  }),
  output: choice(["text", "json"], "text", {
    commands: hooks,
    description: "What goes to standard output: lines to read, or report.json (then the lines go to standard error).",
  }),
  project: textOption({
    commands: ["schedule"], required: ["schedule"], fallback: "CI_PROJECT_ID", example: "acme/hooks", tidy: plainPath,
    description: "Project whose pipeline runs the component: path or id.",
  }),
  cron: textOr("17 * * * *", {
    commands: ["schedule"],
    description: "When the pipeline runs, five fields.",
  }),
  cronTimezone: textOr("UTC", {
    commands: ["schedule"], example: "Europe/Berlin",
    description: "Time zone of the cron fields, an IANA name.",
  }),
  ref: textOption({
    commands: ["schedule"], required: ["schedule"], fallback: "CI_DEFAULT_BRANCH", example: "main",
    description: "Branch or tag that the pipeline runs on.",
  }),
  description: textOr("gitlab-hook-relay", {
    commands: ["schedule"],
    description: "Description of the schedule; the schedule is found again by it.",
  }),
  active: flag(true, {
    commands: ["schedule"],
    description: "Whether the schedule is active.",
  }),
  inputs: listOption([], {
    commands: ["schedule"], example: "group=acme", pattern: { regex: "^[^=]+=", message: "expected name=value" },
    description: "Inputs of the scheduled pipeline, as `name=value` (GitLab >= 18.1).",
  }),
  variables: listOption([], {
    commands: ["schedule"], example: "HOOKS_GROUP=acme", pattern: { regex: "^[A-Za-z_]\\w*=", message: "expected NAME=value" },
    description: "Variables of the scheduled pipeline, as `NAME=value`. Not for secrets: they are masked variables of the project.",
  }),
} as const satisfies Record<string, TableRow>;

export type Key = keyof typeof TABLE;

/** One option as generators, the parser and the help text read it. */
export interface OptionRow extends TableRow {
  readonly key: Key;
  /** `chunk-size`: on the command line `--chunk-size`. */
  readonly name: string;
  /** `HOOKS_CHUNK_SIZE`; also as `HOOKS_CHUNK_SIZE_FILE`. */
  readonly env: string;
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export const OPTIONS: readonly OptionRow[] = (Object.entries(TABLE) as [Key, TableRow][]).map(([key, row]) =>
  Object.assign(
    { key, name: kebab(key), env: `HOOKS_${kebab(key).toUpperCase().replaceAll("-", "_")}` },
    row,
  ),
);

export const OPTION_NAMES: readonly string[] = OPTIONS.map((row) => row.name);

/** `--chunk-size (HOOKS_CHUNK_SIZE)`: both names, since either may have been used. */
export function labelOf(row: Pick<OptionRow, "name" | "env">): string {
  return `--${row.name} (${row.env})`;
}

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
      "Access token with scope `api` and the Maintainer role in the group (Owner for a group hook). Several, comma separated: the next one takes over if one is used up or refused.",
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
