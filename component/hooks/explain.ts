/** Refusals of GitLab that an operator can cure, with the cure: of one place, and of a run as a whole. Pure. */
import type { UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import { oneLine } from "../../lib/one-line.ts";
import type { HookLevel } from "../gitlab/types.ts";

interface Cure {
  readonly when: (error: UpstreamError, level: HookLevel) => boolean;
  readonly text: string;
}

const CURES: readonly Cure[] = [
  {
    when: (e) => /invalid url given/i.test(e.message),
    text: "GitLab does not connect to this address: put the relay's host on the instance's outbound allowlist (Admin area, Settings, Network, Outbound requests), or allow requests to the local network from webhooks there",
  },
  {
    when: (e) => /maximum number of .*hooks/i.test(e.message),
    text: "the hook limit is reached: remove hooks that are no longer needed, or have an administrator raise the plan limit",
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
    when: (e) => e.code === "not-found",
    text: "GitLab shows the project and does not find its hooks: something in front of it answers, or the project is being moved; the next run tries again",
  },
  {
    when: (e) => e.code === "unavailable" || e.code === "network" || e.code === "timeout",
    text: "GitLab did not answer properly, several times in a row; the next run tries again",
  },
];

/** The refusal in one line: what GitLab said, and what to do about it where that is known. */
export function explain(error: UpstreamError, level: HookLevel): string {
  const cure = CURES.find((c) => c.when(error, level));
  return cure === undefined ? error.message : `${error.message} (${cure.text})`;
}

/** Refusals of what every hook is sent alike: its address, branch filter and custom headers. */
const OF_EVERY_HOOK = /\b422 (invalid url given|invalid branch filter given|custom headers )/i;

/** Whether GitLab would refuse every other hook for the same reason. */
export function isOfEveryHook(error: UpstreamError): boolean {
  return error.status === 422 && OF_EVERY_HOOK.test(error.message);
}

/** Codes of what the operator has set wrongly; everything else may pass by itself. */
const OF_SETTINGS: ReadonlySet<string> = new Set([
  "forbidden",
  "insufficient-scope",
  "not-found",
  "redirect",
  "bad-answer",
]);

/**
 * What ended a run as a whole, in one line. Licences are spoken of only if group hooks were asked for and refused.
 * @param group as the operator named it
 */
export function explainRun(
  error: UpstreamError,
  group: string,
): { readonly message: string; readonly isOfSettings: boolean } {
  const isOfSettings = OF_SETTINGS.has(error.code) || endsTheRun(error);
  return { message: oneLine(runText(error, group)), isOfSettings };
}

/** GitLab's words for a group that this token does not see; a group without hooks of its own is plainly "not found". */
export function isGroupMissing(error: UpstreamError): boolean {
  return error.code === "not-found" && /404 Group Not Found/i.test(error.message);
}

function runText(error: UpstreamError, group: string): string {
  if (endsTheRun(error)) return error.message;
  const isOfHooks = /\/groups\/[^/\s]+\/hooks\b/.test(error.message);
  if (isOfHooks && !isGroupMissing(error)) return explain(error, "group");
  switch (error.code) {
    case "not-found":
      // GitLab names what it does not find; whatever answers for another address does not.
      if (!isGroupMissing(error))
        return `${error.message}: check --gitlab-url, a relative root such as /gitlab included, and --group ${group}`;
      return `no group ${group} for this token: check --group, and that the token's user is a member (${error.message})`;
    case "insufficient-scope":
      return explain(error, "project");
    case "forbidden":
      return `${error.message} (the token's user may not see the group ${group}, or the token lacks the scope \`api\`)`;
    default:
      return explain(error, "project");
  }
}
