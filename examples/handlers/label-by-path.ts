/**
 * Labels merge requests by the files that they change.
 *
 *   targets:
 *     labels:
 *       type: module
 *       handler: ./examples/handlers/label-by-path.ts
 *       events: [merge_request]
 *       actions: [open, reopen, update]
 *       gitlab: { url: https://gitlab.example.com, tokens: ["${GITLAB_TOKEN}"] }
 */
import type { HandleEvent } from "gitlab-hook-relay/handler";

/** Beginning of a path -> label. */
export const LABELS: Readonly<Record<string, string>> = {
  "docs/": "documentation",
  "frontend/": "frontend",
  "backend/": "backend",
  ".gitlab-ci.yml": "pipeline",
};

export function labelsFor(paths: readonly string[]): string[] {
  const found = Object.entries(LABELS).filter(([start]) => paths.some((path) => path.startsWith(start)));
  return found.map(([, label]) => label);
}

export const handle: HandleEvent = async function handle(event, ctx) {
  if (event.kind !== "merge_request") throw new ctx.Drop(`a ${event.kind} is no merge request`);
  const { project, object_attributes: mr, labels } = event.payload;
  const place = `/projects/${project.id}/merge_requests/${mr.iid}`;

  const paths = await ctx.step("changed files", async () => {
    const changed: string[] = [];
    for await (const file of ctx.gitlab.list(`${place}/diffs`)) {
      changed.push((file as { new_path: string }).new_path);
    }
    return changed;
  });

  const present = new Set(labels.map((label) => label.title));
  const missing = labelsFor(paths).filter((label) => !present.has(label));
  // Setting a label fires a hook: without this the handler would answer its own changes for ever.
  if (missing.length === 0) return "nothing to add";
  await ctx.step("add labels", () => ctx.gitlab.put(place, { add_labels: missing.join(",") }));
  return `added ${missing.join(", ")}`;
};
