/** Settings of the operator's side: its token, who may sign in otherwise, and how long the audit trail is kept. */
import { z } from "zod";
import { atLeastOne, orRequired, plainUrl, secret } from "../../lib/fields.ts";
import { globProblem } from "../../lib/glob.ts";

export const ROLES = ["viewer", "operator", "admin"] as const;

/** Full paths, which are the same in upper and lower case, and with a slash at their ends. */
const group = z
  .string()
  .min(1)
  .superRefine((glob, context) => {
    const message = globProblem(glob);
    if (message !== null) context.addIssue({ code: "custom", message });
  });
const groups = z.array(group).default([]);

const roles = z.strictObject({
  viewer: groups.describe("Groups whose members may read, as full paths or globs such as acme/**"),
  operator: groups.describe("Groups whose members may also replay events and pause targets"),
  admin: groups.describe("Groups whose members may also delete events and read the audit trail"),
  others: z
    .enum(["none", ...ROLES])
    .default("none")
    .describe("Role of people who are signed in and in none of these groups"),
  viewersReadBodies: z
    .boolean()
    .default(false)
    .describe("Whether viewers may read the bodies of webhooks, not only what is known about them"),
});

/** An address to which secrets are sent: encrypted, or on this machine. */
const providerUrl = z
  .url({ protocol: /^https?$/, error: orRequired("must be an https URL") })
  .refine(isPrivate, {
    error: "must be an https URL; http is for addresses of this machine only",
  });

const headerName = z
  .string()
  .regex(/^[a-z0-9-]+$/i, { error: "must be the name of a header, such as X-Forwarded-User" })
  .transform((name) => name.toLowerCase());

const oidc = z.strictObject({
  issuer: providerUrl.describe("The OpenID Connect issuer, such as https://gitlab.example.com"),
  clientId: z.string().min(1).describe("Application ID that the provider gave the relay"),
  clientSecret: secret(z.string().min(1)).describe("Secret that the provider gave the relay"),
  publicUrl: plainUrl.describe(
    "Address at which browsers reach the relay, such as https://relay.example.com; the redirect URI to register is this plus /login/callback",
  ),
  scope: z.string().min(1).default("openid profile").describe("Scopes to ask for, separated by spaces"),
  nameClaim: z.string().min(1).default("preferred_username").describe("Claim with a person's name"),
  groupsClaim: z
    .string()
    .min(1)
    .default("groups")
    .describe("Claim with the groups of a person; GitLab's groups_direct holds direct memberships only"),
  groupsFrom: z
    .enum(["claim", "api"])
    .default("claim")
    .describe(
      "Who tells the groups of a person: the claim, or the list of groups of GitLab's API at the issuer, for which the scope read_api is asked",
    ),
  sessionMinutes: atLeastOne
    .max(1440)
    .default(60)
    .describe("Minutes until the provider is asked again who somebody is and which groups they are in"),
  label: z.string().min(1).max(60).default("Sign in with GitLab").describe("Text of the button"),
});

const proxy = z.strictObject({
  userHeader: headerName
    .default("x-forwarded-user")
    .describe("Header with the name of the person, believed only from server.trustedProxies"),
  groupsHeader: headerName
    .default("x-forwarded-groups")
    .describe("Header with the person's groups, separated by commas"),
});

export const adminSettings = z
  .strictObject({
    token: secret(z.string())
      .default("")
      .describe(
        "Bearer token of the admin API and login of the dashboard; empty: one is made at the first start and kept as admin-token in the data folder",
      ),
    roles: roles.prefault({}),
    oidc: oidc.optional().describe("People sign in at an OpenID Connect provider such as GitLab"),
    proxy: proxy.optional().describe("People are signed in by a proxy in front of the relay"),
    audit: z
      .strictObject({
        keepDays: atLeastOne.max(3650).default(400).describe("Days that the audit trail is kept"),
      })
      .prefault({}),
  })
  .superRefine(({ roles: given, oidc: provider, proxy: front }, context) => {
    const isNobody = ROLES.every((role) => given[role].length === 0) && given.others === "none";
    if ((provider !== undefined || front !== undefined) && isNobody) {
      context.addIssue({
        code: "custom",
        path: ["roles"],
        message: "admits no one who signs in: name groups for at least one role, or set others",
      });
    }
  });

export type AdminSettings = z.output<typeof adminSettings>;
export type RolesSettings = AdminSettings["roles"];
export type OidcSettings = NonNullable<AdminSettings["oidc"]>;

function isPrivate(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}
