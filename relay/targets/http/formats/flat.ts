/**
 * One flat JSON object for bindings that pick single values out of a body: `$(body.branch)` of a Tekton EventListener, `dataKey:
 * body.branch` of an Argo Events sensor. Every field is always there and always a text, as a binding fails over one that is missing and
 * parameters are texts. The payload is left out: Argo Events takes no more than 1 MiB.
 */
import { jsonFormat } from "./format.ts";

export const flat = jsonFormat((event) => {
  const { id, kind, action, project, ref, branch, tag, sha, actor, url, sentence, receivedAt } = event;
  const fields = { id, kind, action, projectId: project.id, project: project.path, ref, branch, tag, sha };
  const all = { ...fields, user: actor, url, text: sentence, receivedAt };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value ?? "")]));
});
