/**
 * The schema of relay.yaml: the one place that says which settings the relay has. Types, defaults, messages, the JSON schema
 * for editors and docs/configuration.md all come from it.
 */
import { z } from "zod";
import { KNOWN_EVENT_NAMES } from "../lib/events.ts";
import { decodeSigningToken } from "../lib/signature.ts";
import type { EnvBinding } from "../lib/settings.ts";

/** Shapes of credentials that turn up in commit messages, comments and job logs. */
const DEFAULT_MASK_PATTERNS = [
  "\\bgl[a-z]{1,6}-[\\w-]{20,}",
  "\\bwhsec_[A-Za-z0-9+/=]{32,}",
  "\\bgh[pousr]_[A-Za-z0-9]{36,}",
  "\\bxox[abprs]-[\\w-]{10,}",
  "\\bAKIA[0-9A-Z]{16}\\b",
  "\\beyJ[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]+",
  "-----BEGIN [A-Z ]*PRIVATE KEY-----[\\s\\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
];

const secret = (schema: z.ZodString): z.ZodString => schema.meta({ secret: true });

const positive = z.number().positive();
const count = z.number().int().min(1);

const address = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "must be an IP address or a CIDR range, such as 10.0.0.0/8",
});

const signingToken = secret(
  z.string().refine((token) => decodeSigningToken(token) !== null, {
    error: "must be whsec_ followed by the base64 form of 24 to 64 bytes",
  }),
);

const eventName = z.string().refine((name) => KNOWN_EVENT_NAMES.has(name), {
  error: "is not an event that GitLab sends; see docs/events.md",
});

const projectPattern = z.union([z.string().min(1), z.number().int().positive()]);

const server = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("Address to listen on, such as 0.0.0.0"),
  port: z.number().int().min(0).max(65535).default(8080).describe("Port to listen on; 0 takes a free one"),
  trustedProxies: z
    .array(address)
    .default([])
    .describe("Proxies whose X-Forwarded-For is believed, as addresses or CIDR ranges, such as 10.0.0.0/8"),
  allowedIps: z
    .array(address)
    .default([])
    .describe("Addresses or CIDR ranges that may send webhooks, such as 34.74.90.64/28; empty: all"),
  maxBodyBytes: count
    .default(26_279_936)
    .describe("Largest webhook body in bytes; GitLab's own limit is 25 MiB"),
});

const gitlab = z.strictObject({
  secretTokens: z
    .array(secret(z.string().min(1)))
    .default([])
    .describe("Secret tokens (X-Gitlab-Token); each is accepted, so that a rotation loses nothing"),
  signingTokens: z
    .array(signingToken)
    .default([])
    .describe("Signing tokens (whsec_...) of GitLab 19.0 and later; each is accepted"),
  masterSecret: secret(z.string())
    .default("")
    .describe("Master secret(s), comma separated, from which the secret of each hook is derived"),
  credentials: z
    .enum(["all", "any"])
    .default("all")
    .describe(
      "With token and signature both configured: every one that is sent must be right (all), or one suffices (any)",
    ),
  signatureToleranceSeconds: positive.default(300).describe("Greatest age of a signature in seconds"),
});

const fs = z.strictObject({
  base: z.string().min(1).default("./data").describe("Folder of the queue"),
  segmentBytes: z
    .number()
    .int()
    .min(65_536)
    .default(67_108_864)
    .describe("Size in bytes at which a journal segment is closed"),
  maxBytes: z
    .number()
    .int()
    .min(1_048_576)
    .default(10_737_418_240)
    .describe("Largest size of the queue in bytes; beyond it webhooks get 503"),
  minFreeBytes: z
    .number()
    .int()
    .min(0)
    .default(268_435_456)
    .describe("Disk space in bytes that is kept free; below it webhooks get 503"),
});

const redisNode = z.strictObject({
  host: z.string().min(1).describe("Host name or address"),
  port: z.number().int().min(1).max(65_535).default(6379).describe("Port"),
});

const redis = z.strictObject({
  url: z
    .string()
    .regex(/^rediss?:\/\//, { error: "must begin with redis:// or rediss://" })
    .default("redis://127.0.0.1:6379")
    .describe("Redis or Valkey, such as rediss://user:password@redis.internal:6380/0"),
  sentinels: z
    .array(redisNode)
    .default([])
    .describe("Sentinels that know the master; user, password and database are taken from the url"),
  sentinelName: z.string().default("mymaster").describe("Name of the master that the Sentinels watch"),
  cluster: z
    .array(redisNode)
    .default([])
    .describe("Nodes of a Redis Cluster to begin with; the url does not count then"),
  prefix: z
    .string()
    .regex(/^[\w.-]+$/)
    .default("relay")
    .describe("First part of every key"),
  requireDurable: z
    .boolean()
    .default(true)
    .describe(
      "Not ready unless Redis syncs each write to disk and evicts nothing; false accepts loss in a crash",
    ),
  waitReplicas: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      "Replicas that must have synced an event before it is acknowledged (WAITAOF, Redis 7.2 and later)",
    ),
  leaseSeconds: positive
    .min(1)
    .default(30)
    .describe("Seconds after which the deliveries of a relay that stopped answering go to the others"),
});

const queue = z.strictObject({
  driver: z
    .enum(["fs", "redis"])
    .default("fs")
    .describe("Where events are kept: files of this machine, or a Redis that relays share"),
  fs: fs.prefault({}),
  redis: redis.prefault({}),
  dedupeSeconds: positive
    .default(604_800)
    .describe("How long a delivery is remembered, in seconds, to recognise it when it comes again"),
  retain: z
    .strictObject({
      deliveredSeconds: z
        .number()
        .min(0)
        .default(86_400)
        .describe("How long delivered events are kept, in seconds"),
      deliveredBytes: z
        .number()
        .int()
        .min(0)
        .default(1_073_741_824)
        .describe("How many bytes of delivered events are kept; the oldest go first"),
      deadSeconds: z
        .number()
        .min(0)
        .default(2_592_000)
        .describe("How long dead letters are kept, in seconds"),
    })
    .prefault({}),
});

const retry = z.strictObject({
  maxAttempts: count.default(25).describe("Attempts after which a delivery becomes a dead letter"),
  maxAgeSeconds: positive
    .default(259_200)
    .describe("Age in seconds, from the first attempt, after which a delivery becomes a dead letter"),
  baseSeconds: positive
    .default(1)
    .describe(
      "Ceiling of the first wait in seconds; it doubles with each attempt, the wait is drawn evenly below it",
    ),
  capSeconds: positive.default(3600).describe("Greatest wait between two attempts in seconds"),
});

const routingFields = {
  enabled: z
    .boolean()
    .default(true)
    .describe("Whether the target gets events; the overrides may switch it per project"),
  events: z
    .array(eventName)
    .optional()
    .describe(
      "Events that it gets, by object_kind or event_name, such as [push, merge_request]; default: all",
    ),
  projects: z
    .array(projectPattern)
    .optional()
    .describe(
      "Projects whose events it gets: globs of path_with_namespace, with ! to leave out, or ids; default: all",
    ),
  branches: z
    .array(z.string().min(1))
    .optional()
    .describe("Globs of branches, such as [main, release/*]; events without a branch pass"),
};

const deliveryFields = {
  timeoutSeconds: positive.max(3600).default(10).describe("Longest duration of one attempt in seconds"),
  concurrency: count.max(1024).default(16).describe("Attempts under way at once"),
  rateLimit: z
    .strictObject({
      requests: count.describe("Attempts that may start in each period"),
      perSeconds: positive.default(1).describe("Length of the period in seconds"),
    })
    .optional()
    .describe("Most attempts in a period; waiting for it uses up no attempt"),
  ordering: z
    .enum(["none", "project"])
    .default("none")
    .describe("project: the events of a project go one after another, a dead letter lets the next one go"),
  retry: retry.prefault({}),
  breaker: z
    .strictObject({
      failures: count.default(10).describe("Failures in a row that open it"),
      cooldownSeconds: positive.default(30).describe("Seconds until a probe is let through"),
    })
    .prefault({})
    .describe("Stops attempts on a target that keeps failing; waiting for it uses up no attempt"),
};

const httpTarget = z.strictObject({
  type: z.literal("http"),
  ...routingFields,
  url: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .describe("Where the events go, such as https://bot.internal/gitlab"),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), secret(z.string()))
    .default({})
    .describe('Headers sent along, such as { Authorization: "Bearer ${BOT_TOKEN}" }'),
  signingTokens: z
    .array(signingToken)
    .default([])
    .describe("Signs each attempt by Standard Webhooks, with every key listed"),
  format: z
    .enum(["raw", "cloudevents"])
    .default("raw")
    .describe("raw: the received bytes; cloudevents: wrapped in a CloudEvent"),
  cloudEventsMode: z
    .enum(["structured", "binary"])
    .default("structured")
    .describe(
      "structured: one JSON document with the received bytes as its data; binary: the received bytes, attributes as ce- headers",
    ),
  allowPrivateNetworks: z
    .boolean()
    .default(true)
    .describe("Whether the target may live on a private or loopback address; cloud metadata addresses never"),
  ...deliveryFields,
});

const logTarget = z.strictObject({
  type: z.literal("log"),
  ...routingFields,
  ...deliveryFields,
});

export const targetSchema = z.discriminatedUnion("type", [httpTarget, logTarget]);

const override = z.strictObject({
  projects: z
    .array(projectPattern)
    .min(1)
    .describe("Projects it is for: globs of path_with_namespace or ids"),
  targets: z
    .record(
      z.string(),
      z.strictObject({ enabled: z.boolean().describe("Whether the target gets these projects' events") }),
    )
    .describe("What is different, by target"),
});

const log = z.strictObject({
  level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("Least level that is logged"),
  dir: z
    .string()
    .default("")
    .describe(
      "Folder for a file of log lines per UTC day (relay-2026-01-31.jsonl) beside standard output; empty: none",
    ),
  keepDays: count.max(3650).default(14).describe("Days that such files are kept, today included"),
});

const regularExpression = z.string().refine(
  (source) => {
    try {
      // oxlint-disable-next-line no-new
      new RegExp(source, "g");
      return true;
    } catch {
      return false;
    }
  },
  { error: "must be a regular expression" },
);

const mask = z.strictObject({
  patterns: z
    .array(regularExpression)
    .default(DEFAULT_MASK_PATTERNS)
    .describe(
      "Regular expressions; what they match is masked in log lines, pages and answers of the admin API, never in what is delivered",
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
  keepDays: count.max(3650).default(400).describe("Days that are kept"),
  members: z
    .record(z.string().min(1), z.array(z.string().min(1)).min(1))
    .default({})
    .describe(
      'Team members by name, with the usernames, names and e-mail addresses they go by, such as { "Alice Doe": [alice, alice@acme.dev] }',
    ),
  prometheus: z
    .strictObject({
      enabled: z.boolean().default(false).describe("Whether /metrics shows today's activity per project"),
      maxProjects: count
        .max(1000)
        .default(50)
        .describe("Projects with series of their own, the busiest; the rest counts as other"),
    })
    .prefault({}),
});

export const configSchema = z
  .strictObject({
    server: server.prefault({}),
    gitlab: gitlab.prefault({}),
    queue: queue.prefault({}),
    targets: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
          error:
            "a target's name is 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter or digit",
        }),
        targetSchema,
      )
      .default({})
      .describe("Where events go, by name"),
    overrides: z.array(override).default([]).describe("What is different for some projects; later ones win"),
    admin: z
      .strictObject({
        token: secret(z.string())
          .default("")
          .describe("Bearer token and login of the dashboard; empty: loopback connections only"),
      })
      .prefault({}),
    log: log.prefault({}),
    mask: mask.prefault({}),
    activity: activity.prefault({}),
  })
  .superRefine((config, context) => {
    config.overrides.forEach((entry, index) => {
      for (const name of Object.keys(entry.targets)) {
        if (!Object.hasOwn(config.targets, name)) {
          context.addIssue({
            code: "custom",
            path: ["overrides", index, "targets", name],
            message: "is not the name of a target",
          });
        }
      }
    });
  });

export type Config = z.output<typeof configSchema>;
export type TargetConfig = z.output<typeof targetSchema>;
export type HttpTargetConfig = z.output<typeof httpTarget>;
export type RetryConfig = z.output<typeof retry>;

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
];
