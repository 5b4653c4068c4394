import { expect, test } from "vitest";
import { configSchema } from "../../../relay/config/schema.ts";
import { explainRules } from "../../../relay/routing/reachable.ts";

function explained(config: unknown): string[] {
  return explainRules(configSchema.parse(config)).map(({ path, message }) => `${path}: ${message}`);
}

const ofTarget = (rules: object): string[] => explained({ targets: { t: { type: "log", ...rules } } });

test.each([
  [
    { projects: ["acme/**", "!acme/**"] },
    'targets.t.projects: can never match: all that is listed is left out by "!acme/**"',
  ],
  [{ projects: ["acme/web", "!acme/*"] }, "targets.t.projects: can never match"],
  [{ projects: [42, "!42"] }, "targets.t.projects: can never match"],
  [{ projects: ["!**"] }, 'targets.t.projects: can never match: "!**" leaves out everything'],
  [{ branches: ["main", "!main"] }, "targets.t.branches: can never match"],
  [{ actions: ["open", "!open"] }, "targets.t.actions: can never match"],
  [{ labels: ["bug", "!b*"] }, "targets.t.labels: can never match"],
  [
    { events: ["member", "subgroup"], projects: ["acme/**"] },
    "targets.t.projects: can never match: member, subgroup name no project",
  ],
  [{ events: ["issue"], branches: ["main"] }, "targets.t.branches: has no effect: issue has no branch"],
  [{ events: ["push"], labels: ["bug"] }, "targets.t.labels: has no effect: push has no labels"],
  [
    { events: ["pipeline"], actions: ["open", "success"] },
    '"open" can never match: pipeline has no such action, only created, waiting_for_resource',
  ],
  [
    { events: ["merge_request", "issue"], actions: ["failed"] },
    '"failed" can never match: merge_request, issue have no such action, only open, close',
  ],
  [{ events: ["push", "tag_push"], actions: ["open"] }, "targets.t.actions: has no effect"],
  [{ when: "false" }, "targets.t.when: can never match: it is false for every event"],
  [{ when: "1 == 1" }, "targets.t.when: has no effect: it is true for every event"],
  [{ when: "[1][3] == 1" }, "targets.t.when: can never match: it fails for every event"],
  [
    { branches: ["refs/heads/main"] },
    '"refs/heads/main" can never match: branches are named without refs/heads/; write "main"',
  ],
  [{ branches: ["!refs/heads/main"] }, 'write "main"'],
  [{ branches: ["refs/tags/v*"] }, "tags are no branches"],
  [{ branches: ["*"] }, '"*" is for branches without a slash only: write "**" for every branch'],
  [
    { branches: ["!renovate*"] },
    '"!renovate*" lets branches such as renovate/x pass, as * stops at a slash: write "!renovate*/**" beside it',
  ],
  [{ branches: ["release/"] }, 'write "release/**"'],
  [{ branches: ["/main"] }, 'write "main"'],
  [{ branches: ["main "] }, 'write "main"'],
  [{ branches: ["^main$"] }, 'it is a regular expression, not a glob; write "main"'],
  [{ branches: ["release/.*"] }, 'write "release/*"'],
  [{ branches: ["/^release-.*$/"] }, 'write "release-*"'],
  [{ branches: ["my branch"] }, "no branch is named so"],
  [{ branches: ["https://gitlab.example.com/acme/web/-/tree/main"] }, 'write "main"'],
  [{ projects: ["acme"] }, '"acme" can never match: a project\'s path has a group in it; write "acme/**"'],
  [{ projects: ["acme/"] }, 'write "acme/**"'],
  [{ projects: ["acme/**", "!old"] }, 'write "old/**"'],
  [{ projects: ["*"] }, 'write "**"'],
  [{ projects: ["acme-*"] }, 'write "acme-*/**"'],
  [{ projects: ["https://gitlab.example.com/acme/web"] }, 'it is an address, not a path; write "acme/web"'],
  [{ projects: ["https://gitlab.example.com/acme/web.git"] }, 'write "acme/web"'],
  [{ projects: ["https://gitlab.example.com/acme/web/-/merge_requests"] }, 'write "acme/web"'],
  [{ projects: ["https://gitlab.example.com/groups/acme"] }, 'write "acme/**"'],
  [{ projects: ["git@gitlab.example.com:acme/web.git"] }, 'write "acme/web"'],
  [{ projects: ["/acme/web"] }, 'write "acme/web"'],
  [{ projects: ["acme/web.git"] }, 'write "acme/web"'],
  [{ projects: ["Acme Group / Web"] }, 'take the path, not the name; write "Acme-Group/Web"'],
  [{ projects: ["acme/web#1"] }, "no project's path has such signs in it"],
  [{ actions: ["opened"] }, '"opened" can never match: GitLab has no such action; write "open"'],
  [{ events: ["merge_request"], actions: ["merged"] }, 'write "merge"'],
  [{ events: ["release"], actions: ["created"] }, 'write "create"'],
  [{ events: ["pipeline"], actions: ["cancelled"] }, 'write "canceled"'],
  [{ actions: ["!Update"] }, 'write "update"'],
  [{ enabled: false }, "targets.t.enabled: is false, and no override switches the target on"],
])("explainRules() of %j", (rules, finding) => {
  expect(ofTarget(rules)).toEqual([expect.stringContaining(finding)]);
});

test.each([
  {},
  { projects: ["acme/**", "!acme/sandbox/**"] },
  { projects: ["!acme/sandbox/**"] },
  { branches: ["main", "release/*", "!release/old"] },
  { events: ["member", "push"], projects: ["acme/**"] },
  { events: ["user_add_to_group"] },
  { branches: ["**", "renovate-bot*", "!renovate*", "!renovate*/**", "v[0-9]*.x", "{main,develop}"] },
  { projects: ["acme/**", "Acme/team-{a,b}/*", "**/web", "42", 7, "acme/!(web|api)", "*/web", "größe/x"] },
  { events: ["pipeline"], actions: ["created", "success", "!canceled"] },
  { events: ["merge_request"], actions: ["open", "approved", "unapproved", "approval", "merge"] },
  { events: ["job"], branches: ["main"], actions: ["failed"] },
  { events: ["merge_request"], labels: ["bug"], actions: ["open"], when: "!body.object_attributes.draft" },
])("explainRules() finds nothing in %j", (rules) => {
  expect(ofTarget(rules)).toEqual([]);
});

test("explainRules() looks at overrides", () => {
  const log = { type: "log", enabled: false };
  expect(
    explained({
      targets: { t: log, u: { type: "log" } },
      overrides: [
        { projects: ["acme/web"], targets: { t: { enabled: true }, u: { branches: ["a", "!a"] } } },
        { projects: ["acme/web"], targets: { t: { enabled: false, when: "event.id != ''" } } },
        { projects: ["x/y", "!x/*"], targets: { u: { enabled: false } } },
      ],
    }),
  ).toEqual([
    expect.stringContaining("overrides.0.targets.u.branches: can never match"),
    "overrides.0.targets.t: changes nothing: overrides.1 sets the same for the same projects",
    expect.stringContaining("overrides.2.projects: can never match"),
  ]);
});
