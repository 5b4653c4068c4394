/**
 * Settings of the GitLabs that send webhooks: the one of `gitlab`, which needs no name, and those of `instances`. Which of them sent
 * an event is told by the secret that it carries, so that no two may share one.
 */
import { z } from "zod";
import { httpUrl, positive, secret, signingToken } from "../../lib/fields.ts";
import { list, object, own, type Json } from "../../lib/json.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { nearest } from "../../lib/settings-words.ts";
import { DEFAULT_INSTANCE } from "../event/event.ts";
import { instanceRecoverySettings } from "./recovery.ts";

const address = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()], {
  error: "must be an IP address or a CIDR range, such as 10.0.0.0/8",
});

export const addresses = z.array(address).default([]);

const credentialFields = {
  secretTokens: z
    .array(secret(z.string().min(1)))
    .default([])
    .describe("Secret tokens (X-Gitlab-Token); each is accepted, so that a rotation loses nothing"),
  signingTokens: z
    .array(signingToken)
    .default([])
    .describe("Signing tokens (whsec_...) of GitLab 19.0 and later; each is accepted"),
  masterSecret: secret(
    z.string().refine((text) => text === "" || splitSecrets(text).length > 0, {
      error: "holds no secret, only commas or spaces",
    }),
  )
    .default("")
    .describe("Master secret(s), comma separated, from which the secret of each hook is derived"),
  credentials: z
    .enum(["all", "any"])
    .default("all")
    .describe(
      "With token and signature both configured: every one that is sent must be right (all), or one suffices (any)",
    ),
  signatureToleranceSeconds: positive.default(300).describe("Greatest age of a signature in seconds"),
  pairSystemHooks: z
    .boolean()
    .default(false)
    .describe(
      "Whether a push, tag or merge request that a system hook and another hook both send goes to each target once",
    ),
};

export const gitlabSettings = z.strictObject(credentialFields);

/** The same characters as in the name of a target. */
export const instanceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
    error: "an instance's name is 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter or digit",
  })
  .refine((name) => name !== DEFAULT_INSTANCE, {
    error: `"${DEFAULT_INSTANCE}" is the name of the GitLab that \`gitlab\` is about; choose another one`,
  });

const instance = z
  .strictObject({
    url: httpUrl
      .optional()
      .describe(
        "Address of this GitLab, such as https://gitlab.example.com; secrets of hooks are derived for it",
      ),
    ...credentialFields,
    allowedIps: addresses.describe(
      "Addresses or CIDR ranges from which this GitLab may send webhooks, in place of server.allowedIps; empty: those",
    ),
    recovery: instanceRecoverySettings
      .optional()
      .describe(
        "Who fetches back by itself what this GitLab could not deliver, as `recovery` does for its own",
      ),
  })
  .superRefine(
    (settings, context) => {
      if (!hasCredential(settings))
        context.addIssue({
          code: "custom",
          message:
            "has none of secretTokens, signingTokens and masterSecret, so that no event could be known as its own; set one",
        });
    },
    { when: ({ value }) => typeof value === "object" && value !== null },
  );

export const instancesSettings = z.record(instanceName, instance).default({});

export type GitlabSettings = z.output<typeof gitlabSettings>;
export type InstanceSettings = z.output<typeof instance>;

/** True if something can prove a webhook. What else is wrong with the settings is not known to be right here. */
export function hasCredential(settings: unknown): boolean {
  const { secretTokens = [], signingTokens = [], masterSecret = "" } = object(settings);
  const isGiven = (value: unknown): boolean => !Array.isArray(value) || value.length > 0;
  const hasMaster = typeof masterSecret !== "string" || splitSecrets(masterSecret).length > 0;
  return isGiven(secretTokens) || isGiven(signingTokens) || hasMaster;
}

/** The names of all GitLabs, that of `gitlab` first; empty if it is the only one. */
export function instanceNames({
  instances,
}: {
  readonly instances: Readonly<Record<string, unknown>>;
}): string[] {
  const named = Object.keys(instances);
  return named.length === 0 ? [] : [DEFAULT_INSTANCE, ...named];
}

/** The names of the GitLabs that can send webhooks: that of `gitlab` is one of them only if it has a secret. */
export function sendingInstances({
  gitlab,
  instances,
}: {
  readonly gitlab: GitlabSettings;
  readonly instances: Readonly<Record<string, unknown>>;
}): string[] {
  const named = Object.keys(instances);
  return hasCredential(gitlab) ? [DEFAULT_INSTANCE, ...named] : named;
}

/** The secrets of a GitLab by its name, which the schema knows. */
export function gitlabNamed(
  {
    gitlab,
    instances,
  }: { readonly gitlab: GitlabSettings; readonly instances: Readonly<Record<string, GitlabSettings>> },
  name: string,
): GitlabSettings {
  return own(instances, name) ?? gitlab;
}

interface InstanceProblem {
  readonly path: (string | number)[];
  readonly message: string;
}

/** What does not fit together among several GitLabs. No text holds a secret. @param settings all of them, unchecked */
export function instanceProblems(settings: unknown): InstanceProblem[] {
  const { gitlab, instances } = object(settings);
  return [
    ...sharedSecrets(object(gitlab), object(instances)),
    ...sharedUrls(object(instances)),
    ...unknownInstances(object(settings)),
    ...recoveryProblems(object(settings)),
  ];
}

/** Names in rules, and of the GitLab that something else is about, that no instance has. */
function unknownInstances({ instances, targets, overrides, projectFile, recovery }: Json): InstanceProblem[] {
  const known = [DEFAULT_INSTANCE, ...Object.keys(object(instances))];
  const named = [
    ...Object.entries(object(targets)).flatMap(([name, target]) =>
      listedNames(["targets", name, "instances"], object(target)["instances"]),
    ),
    ...list(overrides).flatMap((entry, index) =>
      listedNames(["overrides", index, "instances"], object(entry)["instances"]),
    ),
    { path: ["recovery", "instance"], name: object(recovery)["instance"] },
    { path: ["projectFile", "instance"], name: object(projectFile)["instance"] },
  ];
  return named.flatMap(({ path, name }) => {
    if (typeof name !== "string" || known.includes(name)) return [];
    const near = nearest(name, known);
    const cure = near === null ? `known are ${known.join(", ")}` : `did you mean "${near}"?`;
    return [{ path, message: `"${name}" is not the name of an instance; ${cure}` }];
  });
}

/** A GitLab that is recovered from twice, or has no address. */
function recoveryProblems({ instances, recovery }: Json): InstanceProblem[] {
  const named = object(recovery)["instance"];
  return Object.entries(object(instances)).flatMap(([name, one]) => {
    const { url, recovery: settings } = object(one);
    if (settings === undefined) return [];
    const path = ["instances", name, "recovery"];
    if (named === name)
      return [{ path, message: "is also what recovery.instance is about; remove one of the two" }];
    const hasUrl = url !== undefined || object(settings)["url"] !== undefined;
    if (hasUrl) return [];
    return [
      {
        path: ["instances", name, "recovery", "url"],
        message: `is missing; set it, or instances.${name}.url`,
      },
    ];
  });
}

function listedNames(
  base: readonly (string | number)[],
  names: unknown,
): { readonly path: (string | number)[]; readonly name: unknown }[] {
  return list(names).map((name, index) => ({
    path: [...base, index],
    name: typeof name === "string" ? name.replace(/^!/, "") : name,
  }));
}

interface SecretPlace {
  readonly instance: string;
  readonly path: (string | number)[];
  readonly secret: string;
}

function secretsIn(name: string, base: readonly string[], settings: Json): SecretPlace[] {
  const { secretTokens, signingTokens, masterSecret } = settings;
  const listed = Object.entries({ secretTokens, signingTokens }).flatMap(([field, values]) =>
    list(values).map((value, index) => ({ value, path: [...base, field, index] })),
  );
  const masters = typeof masterSecret === "string" ? splitSecrets(masterSecret) : [];
  const all = [...listed, ...masters.map((value) => ({ value, path: [...base, "masterSecret"] }))];
  return all.flatMap(({ value, path }) =>
    typeof value === "string" && value.trim() !== "" ? [{ instance: name, path, secret: value.trim() }] : [],
  );
}

/** Of any kind: the secret token of one that is the master secret of another would give away all its hooks. */
function sharedSecrets(gitlab: Json, instances: Json): InstanceProblem[] {
  const places = [
    ...secretsIn(DEFAULT_INSTANCE, ["gitlab"], gitlab),
    ...Object.entries(instances).flatMap(([name, one]) => secretsIn(name, ["instances", name], object(one))),
  ];
  const owners = new Map<string, SecretPlace>();
  return places.flatMap((place) => {
    const owner = owners.get(place.secret) ?? place;
    owners.set(place.secret, owner);
    if (owner.instance === place.instance) return [];
    const message = `is also in ${owner.path.join(".")}: the secret tells which GitLab sent an event, so each needs its own`;
    return [{ path: place.path, message }];
  });
}

function sharedUrls(instances: Json): InstanceProblem[] {
  const owners = new Map<string, string>();
  return Object.entries(instances).flatMap(([name, one]) => {
    const { url } = object(one);
    if (typeof url !== "string" || !URL.canParse(url)) return [];
    const { host, pathname } = new URL(url);
    const place = `${host}${pathname.replace(/\/+$/, "")}`;
    const owner = owners.get(place);
    owners.set(place, owner ?? name);
    return owner === undefined
      ? []
      : [
          {
            path: ["instances", name, "url"],
            message: `is the address of instances.${owner} as well; put the secrets of one GitLab into one instance`,
          },
        ];
  });
}
