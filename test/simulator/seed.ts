/** Fills the simulated database: nested subgroups, projects in them, hooks of other teams. Deterministic. */
import type { Hook } from "./hook.ts";
import type { Group, GroupInput, Model, Project, ProjectInput, User } from "./model.ts";
import { ACCESS } from "./model.ts";

export interface TreeInput {
  /** Path of the top-level group. @default "acme" */
  readonly group?: string;
  /** Projects in all. */
  readonly projects: number;
  /** Subgroups that share the projects, nested three deep. @default 0: all projects in the group itself */
  readonly subgroups?: number;
  /** Hooks of other teams on each project. @default 0 */
  readonly foreignHooks?: number;
}

export interface Seeder {
  /** A top-level group (owned by the default user) or, with `parent`, a subgroup. */
  group(path: string, more?: Omit<GroupInput, "path">): Group;
  project(group: Group, path: string, more?: Omit<ProjectInput, "path" | "group">): Project;
  /** A hook as another team would have made it. */
  foreignHook(parent: Project | Group, index?: number): Hook;
  /** A whole group at once; answers the group and its projects. */
  tree(input: TreeInput): { readonly group: Group; readonly projects: Project[] };
}

/** Age of a tree's projects: what was made just now is news to the installer. */
const DAY_MS = 86_400_000;

export function createSeeder(model: Model, owner: User): Seeder {
  const seeder: Seeder = {
    group(path, more = {}) {
      const group = model.addGroup({ path, ...more });
      if (!group.parent) model.setGroupRole(owner, group, ACCESS.owner);
      return group;
    },
    project: (group, path, more = {}) => model.addProject({ path, group, ...more }),
    foreignHook(parent, index = 0) {
      return model.addHook(parent, `https://other-${index}.example.com/hook`);
    },
    tree(input) {
      const group = seeder.group(input.group ?? "acme");
      const groups = [group];
      for (let n = 0; n < (input.subgroups ?? 0); n++) {
        const parent = n % 3 === 0 ? group : (groups[n] ?? group);
        groups.push(seeder.group(`team-${n + 1}`, { parent }));
      }
      const projects: Project[] = [];
      for (let n = 0; n < input.projects; n++) {
        const home = groups[n % groups.length] ?? group;
        const project = seeder.project(home, `project-${n + 1}`, { ageMs: DAY_MS });
        for (let h = 0; h < (input.foreignHooks ?? 0); h++) seeder.foreignHook(project, h);
        projects.push(project);
      }
      return { group, projects };
    },
  };
  return seeder;
}
