/** What the predefined variables of a CI/CD job say that no option may overrule. Pure. */
import type { Env } from "../../lib/env.ts";

const REQUEST_SOURCES = new Set(["merge_request_event", "external_pull_request_event"]);

/**
 * Whether the job belongs to a merge request: of its own pipeline, of a merge train, or of a child pipeline, whose source is
 * another one. Such a job plans and never applies, whatever the variables of the project say: everybody who may push a branch
 * could change what it does. A project's variable may shadow one of these, hence more than one is looked at.
 */
export function inMergeRequest(env: Env): boolean {
  const { CI_PIPELINE_SOURCE, CI_MERGE_REQUEST_IID, CI_MERGE_REQUEST_REF_PATH } = env;
  return (
    REQUEST_SOURCES.has(CI_PIPELINE_SOURCE ?? "") ||
    (CI_MERGE_REQUEST_IID ?? "") !== "" ||
    (CI_MERGE_REQUEST_REF_PATH ?? "") !== ""
  );
}
