/**
 * The company of the model: a group with a subgroup and five projects on a simulated GitLab, hooks of other teams whose addresses
 * come as close to ours as they can, and users of every standing. What is seen here is seen from inside, secrets included.
 */
import type { Hook } from "../../simulator/hook.ts";
import type { Group, Project } from "../../simulator/model.ts";
import { ACCESS, ancestry } from "../../simulator/model.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

export const GROUP = "acme";
export const RELAYS = ["https://hooks.acme.dev/webhooks/gitlab", "https://relay.acme.dev/in"] as const;

/** Addresses of others: below ours, beside ours, with something like a hook's key at the end. */
const FOREIGN = [
  "https://hooks.acme.dev/webhooks/gitlab-mirror",
  "https://hooks.acme.dev/webhooks/gitlab/p1/extra",
  "https://ci.example.com/job/p12",
  "https://relay.acme.dev/in/other",
] as const;

export type Standing = "owner" | "maintainer" | "developer" | "administrator" | "custom" | "revoked";

export interface Company {
  readonly sim: Simulator;
  readonly group: Group;
  readonly team: Group;
  /** A group of others, where projects go that leave. */
  readonly outside: Group;
  /** The five that it begins with, and those that came later. */
  readonly projects: Project[];
  readonly foreign: ReadonlySet<Hook>;
  readonly tokens: Readonly<Record<Standing, string>>;
}

export async function createCompany(): Promise<Company> {
  const sim = await createSimulator({ tier: "ultimate", endpointLimits: false, controlApi: false });
  const { model, seed } = sim;
  const group = seed.group(GROUP);
  const team = seed.group("team", { parent: group });
  const outside = seed.group("outside");
  const projects = [0, 1, 2, 3, 4].map((n) => seed.project(n % 2 === 0 ? group : team, `app-${n}`));
  const foreign = new Set<Hook>();
  projects.forEach((project, n) => {
    const hook = model.addHook(project, FOREIGN[n % FOREIGN.length] as string);
    hook.token = "a-secret-of-others";
    foreign.add(hook);
  });
  foreign.add(model.addHook(group, FOREIGN[0]));

  const tokenOf = (name: string, level: number, admin = false): string => {
    const user = model.addUser({ username: name, admin });
    if (level > 0) model.setGroupRole(user, group, level, name === "custom" ? ["admin_web_hook"] : []);
    return model.addToken({ value: `glpat-model-${name}`, user }).value;
  };
  const revoked = tokenOf("revoked", ACCESS.owner);
  (model.tokens.get(revoked) as { revoked: boolean }).revoked = true;
  return {
    sim,
    group,
    team,
    outside,
    projects,
    foreign,
    tokens: {
      owner: sim.token.value,
      maintainer: tokenOf("maintainer", ACCESS.maintainer),
      developer: tokenOf("developer", ACCESS.developer),
      administrator: tokenOf("administrator", ACCESS.none, true),
      custom: tokenOf("custom", ACCESS.developer),
      revoked,
    },
  };
}

/** Projects that are to have a hook: not archived, in the group or below it. */
export function eligible({ projects, group, team }: Company): Project[] {
  return projects.filter((p) => !p.archived && (p.group === group || p.group === team));
}

/** All hooks of ours, wherever they are. */
export function ourHooks(company: Company): Hook[] {
  const { group, team, outside, projects, foreign } = company;
  return [group, team, outside, ...projects].flatMap((place) =>
    place.hooks.filter((hook) => !foreign.has(hook)),
  );
}

/** Hooks of ours that a push to the project calls with a secret, at a relay that is there. */
export function firing(company: Company, project: Project): Hook[] {
  const { tier } = company.sim.settings;
  const licensed = tier === "premium" || tier === "ultimate";
  return [project, ...(licensed ? ancestry(project.group) : [])].flatMap((place) =>
    place.hooks.filter((hook) => !company.foreign.has(hook)),
  );
}
