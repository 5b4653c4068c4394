/** What one event says about the work of a project, as its kind reads it: see relay/event/kinds/. Pure. */
import { object } from "../../../lib/json.ts";
import type { ActivityFacts } from "../../event/activity-facts.ts";
import { DEFAULT_INSTANCE } from "../../event/event.ts";
import { kindOf } from "../../event/kinds/kinds.ts";
import type { Meta } from "../../event/kinds/kind.ts";

/** The facts of an event; null if it says nothing about a project's work. Never throws, whatever the body holds. */
export function factsOf(meta: Meta, body: unknown): ActivityFacts | null {
  const project = projectOf(meta);
  const read = meta.test === true ? null : kindOf(meta)?.activity;
  if (project === null || !read) return null;
  const facts = read(meta, object(body));
  return facts.length === 0
    ? null
    : { day: new Date(meta.receivedAt).toISOString().slice(0, 10), project, facts };
}

/** Whether an event of this kind can hold facts, told without its body. A test of GitLab holds none. */
export function tellsOfWork(meta: Meta): boolean {
  return meta.test !== true && projectOf(meta) !== null && Boolean(kindOf(meta)?.activity);
}

/** Of a named GitLab with its name behind a sign that no path has, as `acme/web@partner`: others have the same paths and ids. */
function projectOf({ projectPath, projectId, instanceName }: Meta): string | null {
  const project = projectPath ?? (projectId === null ? null : String(projectId));
  return project === null || instanceName === undefined ? project : `${project}@${instanceName}`;
}

/** The GitLab that a project of the facts is of. */
export function instanceOfProject(project: string): string {
  const at = project.lastIndexOf("@");
  return at === -1 ? DEFAULT_INSTANCE : project.slice(at + 1);
}
