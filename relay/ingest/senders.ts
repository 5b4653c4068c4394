/**
 * Which of the GitLabs that the settings name sent a webhook. The credential says so, nothing else does: `X-Gitlab-Instance` is a word
 * that anybody may write.
 *
 * - A right secret token belongs to one GitLab, as no two share a secret: its settings judge the whole request.
 * - Without one, the signature does: each GitLab that could have made it checks it with its own keys.
 *
 * Every request is compared with the secrets of all of them, whichever fits: how long that takes tells nothing.
 */
import type { SignedBody } from "../../lib/signature.ts";
import type { InstanceSettings } from "../config/gitlab.ts";
import type { Config } from "../config/schema.ts";
import { createAddressRules } from "../http/client-address.ts";
import {
  createAuthenticator,
  type Authentication,
  type Authenticator,
  type Claimed,
  type Credential,
} from "./authenticate.ts";
import type { RequestHeaders } from "./request.ts";

export type Proof =
  | {
      readonly ok: true;
      /** Name in the settings; null: the GitLab of `gitlab`. */
      readonly instance: string | null;
      readonly verifiedBy: readonly Credential[];
      readonly pairSystemHooks: boolean;
      /** Whether this GitLab may send from the address. */
      readonly allowed: (address: string | null) => boolean;
    }
  /** `reason` is for the log. */
  | { readonly ok: false; readonly reason: string };

export interface SenderClaim extends Pick<Claimed, "refused" | "token"> {
  /** @param receivedAt wall clock of receipt, milliseconds */
  judge(body: SignedBody, receivedAt: number): Proof;
}

export interface Senders {
  /** True if at least one of them may send from there. */
  allowed(address: string | null): boolean;
  /** What the headers alone say. */
  claim(headers: RequestHeaders, hookKey: string | null): SenderClaim;
}

interface Sender {
  readonly pairSystemHooks: boolean;
  readonly instance: string | null;
  readonly authenticator: Authenticator;
  readonly allowed: (address: string | null) => boolean;
}

export function createSenders(config: Pick<Config, "server" | "gitlab" | "instances">): Senders {
  const senders = sendersOf(config);
  return {
    allowed: (address) => senders.some((sender) => sender.allowed(address)),
    claim(headers, hookKey) {
      const claims = senders.map((sender) => ({
        sender,
        claimed: sender.authenticator.claim(headers, hookKey),
      }));
      const owner = claims.find(({ claimed }) => claimed.token === "right");
      const possible =
        owner === undefined ? claims.filter(({ claimed }) => claimed.refused === null) : [owner];
      return {
        refused: possible.length > 0 ? null : refusalOf(claims.map(({ claimed }) => claimed)),
        token: owner === undefined ? "unchecked" : "right",
        judge(body, receivedAt) {
          const verdicts = possible.map(({ sender, claimed }) => ({
            sender,
            verdict: sender.authenticator.judge(claimed, headers, body, receivedAt),
          }));
          for (const { sender, verdict } of verdicts)
            if (verdict.ok)
              return {
                ok: true,
                instance: sender.instance,
                verifiedBy: verdict.verifiedBy,
                pairSystemHooks: sender.pairSystemHooks,
                allowed: sender.allowed,
              };
          return { ok: false, reason: reasonOf(verdicts.map(({ verdict }) => verdict)) };
        },
      };
    },
  };
}

/** `gitlab` is one of them unless only the others have secrets. */
function sendersOf({ server, gitlab, instances }: Pick<Config, "server" | "gitlab" | "instances">): Sender[] {
  const { allowed } = createAddressRules(server);
  const others = Object.entries(instances).map(([name, settings]) => ({
    instance: name,
    pairSystemHooks: settings.pairSystemHooks,
    authenticator: createAuthenticator({ ...settings, ...hostOf(settings) }),
    allowed:
      settings.allowedIps.length === 0
        ? allowed
        : createAddressRules({ trustedProxies: [], allowedIps: settings.allowedIps }).allowed,
  }));
  const { secretTokens, signingTokens, masterSecret, pairSystemHooks } = gitlab;
  const isUnused = secretTokens.length + signingTokens.length === 0 && masterSecret === "";
  if (isUnused && others.length > 0) return others;
  return [
    { instance: null, pairSystemHooks, authenticator: createAuthenticator(gitlab), allowed },
    ...others,
  ];
}

function hostOf({ url }: InstanceSettings): { readonly host?: string } {
  return url === undefined ? {} : { host: new URL(url).host };
}

/** A wrong token says more than one that no settings ask for. */
function refusalOf(claims: readonly Claimed[]): string {
  const wrong = claims.find(({ token }) => token === "wrong");
  return (wrong ?? (claims[0] as Claimed)).refused as string;
}

/** A signature that is too old was made with the right key, which is worth more to know than the keys that it was not made with. */
function reasonOf(verdicts: readonly Authentication[]): string {
  const reasons = verdicts.flatMap((verdict) => (verdict.ok ? [] : [verdict.reason]));
  return reasons.find((reason) => reason.includes("expired")) ?? (reasons[0] as string);
}
