/**
 * The schema of relay.yaml: the one place that says which settings the relay has. Types, defaults, messages, the JSON schema
 * for editors and docs/configuration.md all come from it.
 */
import { z } from "zod";
import { list, object, type Json } from "../../lib/json.ts";
import { DEFAULT_MASK_PATTERNS } from "../../lib/mask-patterns.ts";
import { patternProblem } from "../../lib/pattern.ts";
import type { EnvBinding } from "../../lib/settings.ts";
import { nearest } from "../../lib/settings-words.ts";
import { atLeastOne, hostAddress, plainUrl, positive, secret } from "../../lib/fields.ts";
import { targetSchema } from "../targets/registry.ts";
import { overrideSchema, targetName } from "../targets/rules.ts";
import { alertSettings } from "./alerts.ts";
import { addresses, gitlabSettings, instanceProblems, instancesSettings } from "./gitlab.ts";
import { recoverySettings } from "./recovery.ts";
import { adminSettings } from "./sign-in.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import { storageSettings } from "../storage/settings.ts";

const server = z.strictObject({
  name: z
    .string()
    .max(60)
    .default("")
    .describe(
      "Name of this relay in the dashboard's header and titles, such as production; empty: hook relay",
    ),
  host: hostAddress.default("127.0.0.1").describe("Address to listen on, such as 0.0.0.0"),
  port: z.number().int().min(0).max(65535).default(8080).describe("Port to listen on; 0 takes a free one"),
  basePath: z
    .string()
    .regex(/^(?:\/[\w.~-]+)*\/?$/, { error: "must be empty or a path such as /relay" })
    .default("")
    .describe("Path below which everything is served, such as /relay behind a proxy; empty: the root"),
  trustedProxies: addresses.describe(
    "Proxies whose X-Forwarded-For is believed, as addresses or CIDR ranges, such as 10.0.0.0/8",
  ),
  allowedIps: addresses.describe(
    "Addresses or CIDR ranges that may send webhooks, such as 34.74.90.64/28; empty: all",
  ),
  maxBodyBytes: atLeastOne
    .default(26_279_936)
    .describe("Largest webhook body in bytes; GitLab's own limit is 25 MiB"),
  maxUnverifiedBytes: atLeastOne
    .default(33_554_432)
    .describe(
      "Bytes of webhook bodies that may wait in memory for their signature to be checked, all together; never less than one body needs",
    ),
  maxConnections: atLeastOne
    .min(16)
    .default(1000)
    .describe(
      "Connections that may be open at once, at most three quarters of what the system lets the process open; beyond it the oldest idle one is closed",
    ),
});

const log = z.strictObject({
  level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("Least level that is logged"),
  format: z
    .enum(["auto", "json", "pretty"])
    .default("auto")
    .describe(
      "Lines of standard output: json, pretty (short, coloured on a terminal), or auto: pretty on a terminal, else json; files always have JSON",
    ),
  dir: z
    .string()
    .default("")
    .describe(
      "Folder for a file of log lines per UTC day (relay-2026-01-31.jsonl) beside standard output; empty: none",
    ),
  keepDays: atLeastOne.max(3650).default(14).describe("Days that such files are kept, today included"),
});

const maskExpression = z.string().superRefine((source, context) => {
  const message = DEFAULT_MASK_PATTERNS.includes(source) ? null : patternProblem(source);
  if (message !== null) context.addIssue({ code: "custom", message });
});

const mask = z.strictObject({
  patterns: z
    .array(maskExpression)
    .max(100)
    .default([...DEFAULT_MASK_PATTERNS])
    .describe(
      "Regular expressions in RE2's syntax; what they match is masked in log lines, pages and answers of the admin API, never in what is delivered",
    ),
  fields: z
    .array(z.string().min(1))
    .default([
      "password",
      "passwd",
      "secret",
      "token",
      "api_key",
      "apikey",
      "private_key",
      "access_token",
      "runners_token",
    ])
    .describe(
      "Names of JSON fields and headers whose values are masked in pages, upper and lower case alike",
    ),
});

const activity = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether what the events say about the work is counted, per project, author and day"),
  keepDays: atLeastOne.max(3650).default(400).describe("Days that are kept"),
  members: z
    .record(z.string().min(1), z.array(z.string().min(1)).min(1))
    .default({})
    .describe(
      'Team members by name, with the usernames, names and e-mail addresses they go by, such as { "Alice Doe": [alice, alice@acme.dev] }',
    ),
  prometheus: z
    .strictObject({
      enabled: z.boolean().default(false).describe("Whether /metrics shows today's activity per project"),
      maxProjects: atLeastOne
        .max(1000)
        .default(50)
        .describe("Projects with their own series, the busiest; the rest counts as other"),
    })
    .prefault({}),
});

const projectFile = z.strictObject({
  instance: z
    .string()
    .default(DEFAULT_INSTANCE)
    .describe("The GitLab that this is about, by its name in instances; files are read for its events alone"),
  url: plainUrl.describe("Address of the GitLab, such as https://gitlab.example.com"),
  tokens: z
    .array(secret(z.string().min(1)))
    .min(1)
    .describe(
      "Access tokens that may read the repositories; when one is refused or used up, the next one takes over",
    ),
  path: z.string().min(1).default(".gitlab-hook-relay.yml").describe("The file's path in the default branch"),
  refreshSeconds: positive
    .default(300)
    .describe("Age in seconds from which a project's file is asked for anew; a push asks at once"),
});

export const configSchema = z
  .strictObject({
    server: server.prefault({}),
    gitlab: gitlabSettings.prefault({}),
    instances: instancesSettings.describe(
      "Other GitLabs that send webhooks to this relay, by name, each with secrets of its own",
    ),
    queue: storageSettings.prefault({}),
    targets: z.record(targetName, targetSchema).default({}).describe("Where events go, by name"),
    overrides: z
      .array(overrideSchema)
      .default([])
      .describe("What is different for some projects; later ones win"),
    projectFile: projectFile
      .optional()
      .describe("Projects may narrow, in a file of their own, what targets get of them"),
    recovery: recoverySettings
      .optional()
      .describe("Who fetches back by itself what GitLab could not deliver while the relay was away"),
    admin: adminSettings.prefault({}),
    log: log.prefault({}),
    mask: mask.prefault({}),
    activity: activity.prefault({}),
    alerts: alertSettings
      .optional()
      .describe("What needs an operator is sent to targets, such as a chat, as it comes and goes"),
  })
  .superRefine(
    (config, context) => {
      for (const { path, message } of [...nameProblems(config), ...instanceProblems(config)])
        context.addIssue({ code: "custom", path, message });
    },
    // Also beside other problems, so that all of them are told at once.
    { when: () => true },
  );

interface NameProblem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Names of targets that do not fit together. What else is wrong with the settings is not known to be right here. */
function nameProblems(settings: unknown): NameProblem[] {
  const { targets, overrides, alerts } = object(settings);
  const names = Object.keys(object(targets));
  const noTarget = (name: string): string => {
    const near = nearest(name, names);
    return `is not the name of a target${near === null ? "" : `; did you mean "${near}"?`}`;
  };
  const unknownAlertTargets = list(object(alerts)["to"]).flatMap((name, index) =>
    typeof name !== "string" || names.includes(name)
      ? []
      : [{ path: ["alerts", "to", index], message: `"${name}" ${noTarget(name)}` }],
  );
  const unknown = list(overrides).flatMap((entry, index) =>
    Object.keys(object(object(entry)["targets"]))
      .filter((name) => !names.includes(name))
      .map((name) => ({ path: ["overrides", index, "targets", name], message: noTarget(name) })),
  );
  return [...unknown, ...unknownAlertTargets, ...formerNameProblems(object(targets))];
}

/** A former name stands for one target, and no present target has it. */
function formerNameProblems(targets: Json): NameProblem[] {
  const owners = new Map<unknown, string>();
  return Object.entries(targets).flatMap(([name, target]) =>
    list(object(target)["formerly"]).flatMap((former, index) => {
      const owner = owners.get(former);
      owners.set(former, name);
      const path = ["targets", name, "formerly", index];
      if (typeof former === "string" && Object.hasOwn(targets, former))
        return [
          { path, message: `"${former}" is the name of a target now; take it out of one of the two places` },
        ];
      return owner === undefined
        ? []
        : [
            {
              path,
              message: `"${String(former)}" is listed by the target "${owner}" already; it can move to one target only`,
            },
          ];
    }),
  );
}

export type Config = z.output<typeof configSchema>;
/** Environment variables of the relay; each also as NAME_FILE. RELAY_TARGET_URL and RELAY_CONFIG are read beside these. */
export const ENV_BINDINGS: readonly EnvBinding[] = [
  { name: "HOST", path: ["server", "host"], as: "text" },
  { name: "PORT", path: ["server", "port"], as: "number" },
  { name: "RELAY_DATA_DIR", path: ["queue", "fs", "base"], as: "text" },
  {
    name: "REDIS_URL",
    path: ["queue", "redis", "url"],
    as: "text",
    also: [{ path: ["queue", "driver"], value: "redis" }],
  },
  { name: "GITLAB_WEBHOOK_SECRET", path: ["gitlab", "secretTokens"], as: "list" },
  { name: "GITLAB_WEBHOOK_SIGNING_TOKEN", path: ["gitlab", "signingTokens"], as: "list" },
  { name: "GITLAB_WEBHOOK_MASTER_SECRET", path: ["gitlab", "masterSecret"], as: "text" },
  { name: "RELAY_ADMIN_TOKEN", path: ["admin", "token"], as: "text" },
  { name: "LOG_LEVEL", path: ["log", "level"], as: "text" },
  { name: "LOG_FORMAT", path: ["log", "format"], as: "text" },
];
