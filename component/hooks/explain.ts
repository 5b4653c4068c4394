/** Refusals of GitLab that an operator can cure, with the cure. Pure. */
import type { UpstreamError } from "../../lib/errors.ts";
import type { Level } from "../gitlab/types.ts";

interface Cure {
  readonly when: (error: UpstreamError, level: Level) => boolean;
  readonly text: string;
}

const CURES: readonly Cure[] = [
  {
    when: (e) => /invalid url given/i.test(e.message),
    text: "GitLab does not connect to this address: put the relay's host on the instance's outbound allowlist (Admin area, Settings, Network, Outbound requests), or allow requests to the local network from webhooks there",
  },
  {
    when: (e) => /maximum number of .*hooks/i.test(e.message),
    text: "the hook limit is reached: remove hooks that nobody needs, or have an administrator raise the plan limit",
  },
  {
    when: (e) => /invalid branch filter/i.test(e.message),
    text: "GitLab does not take the branch filter: check --push-events-branch-filter",
  },
  {
    when: (e) => /insufficient_scope|higher privileges|insufficient scope/i.test(e.message),
    text: "the token lacks the scope `api`",
  },
  {
    when: (e, level) => e.code === "forbidden" && level === "group",
    text: "group hooks need the Owner role in the group, the scope `api` and a Premium or Ultimate licence; --level project needs neither Owner nor licence",
  },
  {
    when: (e) => e.code === "forbidden",
    text: "the token's user needs the Maintainer role in this project (or a custom role with admin_web_hook) and the scope `api`",
  },
  {
    when: (e, level) => e.code === "not-found" && level === "group",
    text: "the group does not exist for this token, or the instance has no group hooks (Premium or Ultimate); --level project works without them",
  },
  {
    when: (e) => e.code === "unavailable" || e.code === "network" || e.code === "timeout",
    text: "GitLab did not answer properly, several times over; the next run tries again",
  },
];

/** The refusal in one line: what GitLab said, and what to do about it where that is known. */
export function explain(error: UpstreamError, level: Level): string {
  const cure = CURES.find((c) => c.when(error, level));
  return cure === undefined ? error.message : `${error.message} (${cure.text})`;
}
