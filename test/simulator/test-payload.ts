/** What a test delivery carries: real objects of the project, or the text that says which kind it lacks. */
import type { EventRow } from "../../lib/events.ts";
import type { HookParent } from "./hooks-api.ts";
import type { Content } from "./model.ts";
import type { Json } from "./params.ts";
import { buildPayload } from "./payloads.ts";
import { samplePush } from "./sample-push.ts";
import type { World } from "./world.ts";

const NEEDS: Readonly<Record<string, readonly [Content, string]>> = {
  issues_events: ["issues", "Ensure the project has issues."],
  confidential_issues_events: ["issues", "Ensure the project has issues."],
  note_events: ["notes", "Ensure the project has notes."],
  emoji_events: ["notes", "Ensure the project has notes."],
  merge_requests_events: ["merge_requests", "Ensure the project has merge requests."],
  job_events: ["jobs", "Ensure the project has CI jobs."],
  pipeline_events: ["pipelines", "Ensure the project has CI pipelines."],
  wiki_page_events: ["wiki_pages", "Ensure the wiki is enabled and has pages."],
  releases_events: ["releases", "Ensure the project has releases."],
  milestone_events: ["milestones", "Ensure the project has milestones."],
  vulnerability_events: ["vulnerabilities", "Ensure the project has vulnerabilities."],
};

/** An empty repository has nothing to show: another project's push is sent instead. Old versions (which is not known) refuse. */
const PUSHES = new Set(["push_events", "tag_push_events"]);
const UNTESTABLE = new Set(["confidential_note_events", "deployment_events", "feature_flag_events"]);

/** @returns the payload, or the text of the refusal */
export function buildTestPayload(world: World, parent: HookParent, row: EventRow): Json | string {
  const flag = row.flag ?? "";
  if (UNTESTABLE.has(flag)) return "Testing not available for this hook";
  if (!row.scopes.includes("project")) return buildPayload(world, parent.of, row, {});
  const project =
    parent.kind === "project"
      ? parent.of
      : parent.of.projects.find((candidate) => candidate.content.has("commits"));
  if (!project) return "Ensure the group has a project with commits.";
  if (PUSHES.has(flag) && !project.content.has("commits")) {
    return world.since(17, 0) ? samplePush() : "Ensure the project has at least one commit.";
  }
  const need = NEEDS[flag];
  if (need && !project.content.has(need[0])) return need[1];
  return buildPayload(world, project, row, {});
}
