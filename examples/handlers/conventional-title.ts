/**
 * Comments on merge requests whose title is not a conventional commit, once, and takes the comment back when it is.
 *
 *   targets:
 *     titles:
 *       type: module
 *       handler: ./examples/handlers/conventional-title.ts
 *       events: [merge_request]
 *       actions: [open, reopen, update]
 *       when: "!body.object_attributes.draft"
 *       ordering: project
 *       gitlab: { url: https://gitlab.example.com, tokens: ["${GITLAB_TOKEN}"] }
 */
import type { HandleEvent } from "gitlab-hook-relay/handler";

const TYPES = ["build", "chore", "ci", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test"];
const TITLE = new RegExp(`^(?:${TYPES.join("|")})(?:\\([\\w./-]+\\))?!?: \\S`);
/** Not shown by GitLab; by it the handler knows its own comment, also in a later attempt. */
const MARK = "<!-- conventional-title -->";

export function isConventional(title: string): boolean {
  return TITLE.test(title);
}

interface Note {
  readonly id: number;
  readonly body: string;
}

export const handle: HandleEvent = async function handle(event, ctx) {
  if (event.kind !== "merge_request") throw new ctx.Drop(`a ${event.kind} is no merge request`);
  const { project, object_attributes: mr } = event.payload;
  const notes = `/projects/${project.id}/merge_requests/${mr.iid}/notes`;

  const own = await ctx.step("find comment", async () => {
    for await (const note of ctx.gitlab.list(notes)) {
      if ((note as Note).body.startsWith(MARK)) return note as Note;
    }
    return null;
  });

  if (isConventional(mr.title)) {
    if (own === null) return "the title is fine";
    await ctx.step("take back", () => ctx.gitlab.delete(`${notes}/${own.id}`));
    return "the title is fine again";
  }
  if (own !== null) return "said before";
  const body = `${MARK}\nThe title should say what kind of change this is, such as \`fix(login): accept long names\`: one of ${TYPES.map((t) => `\`${t}\``).join(", ")}.`;
  await ctx.step("comment", () => ctx.gitlab.post(notes, { body }));
  return "commented";
};
