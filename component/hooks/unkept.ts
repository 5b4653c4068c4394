/** What a write should have left and did not, by the hook that GitLab answered with. Pure. */
import type { Hook } from "../gitlab/types.ts";
import { changesText } from "./change-text.ts";
import type { WantedHook } from "./desired.ts";
import type { HookPlan } from "./plan.ts";

const TOKEN_NOT_KEPT =
  "GitLab shows the hook without the secret token that it was sent, and the relay would refuse its deliveries: something in front of GitLab may take it out of the request";
const NOT_KEPT =
  "GitLab took the write and does not show what it was sent: something in front of GitLab may change requests or answer in its place. Still to be done";

/**
 * Why a hook is not what was sent; null: it is. Whether a signing token is kept depends on GitLab's version and is no fault.
 * @param hook as GitLab showed it after the write
 * @param plan for that hook alone
 */
export function unkeptOf(wanted: WantedHook, hook: Hook, { keep, changes }: HookPlan): string | null {
  // GitLab says so since 19.0.
  if (wanted.token !== null && hook["token_present"] === false) return TOKEN_NOT_KEPT;
  if (keep === null) return `${NOT_KEPT}: its address`;
  const left = changes.filter(({ attribute }) => attribute !== "signing_token_present");
  return left.length === 0 ? null : `${NOT_KEPT}: ${changesText(left)}`;
}
