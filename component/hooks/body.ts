/** What is sent of a hook. Pure. */
import type { Hook, HookBody } from "../gitlab/types.ts";
import { describe, type Marker, type WantedHook } from "./desired.ts";
import { wantedStrategy } from "./plan.ts";

export interface BodyParts {
  /** The hook that is changed; null: a new one. */
  readonly present: Hook | null;
  /** Differs from the wanted address where the present one has to stay. */
  readonly url: string;
  readonly headers: boolean;
  /** Null: the description is left alone. */
  readonly marker: Marker | null;
}

/** The complete hook, so that no attribute falls to a default. */
export function bodyOf(wanted: WantedHook, { present, url, headers, marker }: BodyParts): HookBody {
  const list = Object.entries(wanted.headers).map(([key, value]) => ({ key, value }));
  const strategy = present === null ? "wildcard" : wantedStrategy(wanted, present["branch_filter_strategy"]);
  const removes = present !== null && wanted.removesSecrets;
  const clearsToken = removes && wanted.token === null && present["token_present"] !== false;
  const clearsSigning = removes && wanted.signingToken === null && present["signing_token_present"] === true;
  return {
    url,
    ...wanted.shown,
    ...(wanted.token === null ? {} : { token: wanted.token }),
    ...(clearsToken ? { token: "" } : {}),
    ...(wanted.signingToken === null ? {} : { signing_token: wanted.signingToken }),
    ...(clearsSigning ? { signing_token: null } : {}),
    ...(strategy === null ? {} : { branch_filter_strategy: strategy }),
    ...(present?.["custom_webhook_template"] ? { custom_webhook_template: "" } : {}),
    ...(headers && list.length > 0 ? { custom_headers: list } : {}),
    ...(marker === null ? {} : { description: describe(marker, present?.["description"]) }),
  };
}
