/**
 * The simulated database: users, tokens, groups, projects, hooks. It holds ten thousand projects with their hooks; what the API
 * shows of it is decided elsewhere.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Hook, HookLevel } from "./hook.ts";
import { newHook } from "./hook.ts";
import type { Schedule } from "./schedules.ts";

export type Visibility = "private" | "internal" | "public";

export const ACCESS = {
  none: 0,
  guest: 10,
  reporter: 20,
  developer: 30,
  maintainer: 40,
  owner: 50,
} as const;

export interface User {
  readonly id: number;
  readonly username: string;
  readonly name: string;
  readonly email: string;
  readonly admin: boolean;
  readonly groupRoles: Map<number, number>;
  readonly projectRoles: Map<number, number>;
  /** Permissions of custom roles on top of the role, by id of the group they hold in and below (Ultimate). */
  readonly groupAbilities: Map<number, ReadonlySet<Ability>>;
  readonly projectAbilities: Map<number, ReadonlySet<Ability>>;
}

/** A permission of a custom role, as the API names it. Reading webhooks is part of it. */
export type Ability = "admin_web_hook";

export interface Token {
  readonly id: number;
  readonly value: string;
  readonly user: User;
  readonly name: string;
  readonly scopes: readonly string[];
  /** Wall clock, milliseconds; null: never. */
  expiresAt: number | null;
  revoked: boolean;
}

export interface Group {
  readonly id: number;
  path: string;
  name: string;
  fullPath: string;
  parent: Group | null;
  visibility: Visibility;
  readonly createdAt: number;
  readonly subgroups: Group[];
  readonly projects: Project[];
  readonly hooks: Hook[];
  markedForDeletionOn: string | null;
}

/** What a project has of each kind: a test delivery needs one. */
export type Content =
  | "commits"
  | "issues"
  | "notes"
  | "merge_requests"
  | "jobs"
  | "pipelines"
  | "wiki_pages"
  | "deployments"
  | "releases"
  | "milestones"
  | "vulnerabilities";

export const ALL_CONTENT: readonly Content[] = [
  "commits",
  "issues",
  "notes",
  "merge_requests",
  "jobs",
  "pipelines",
  "wiki_pages",
  "deployments",
  "releases",
  "milestones",
  "vulnerabilities",
];

export interface Project {
  readonly id: number;
  path: string;
  name: string;
  fullPath: string;
  group: Group;
  visibility: Visibility;
  archived: boolean;
  /** Date, YYYY-MM-DD. */
  markedForDeletionOn: string | null;
  topics: readonly string[];
  readonly createdAt: number;
  lastActivityAt: number;
  /** A change of the project itself, such as a transfer. */
  updatedAt: number;
  readonly sharedWith: Map<number, number>;
  hooks: Hook[];
  /** Every request on it is answered 403. */
  forbidden: boolean;
  content: ReadonlySet<Content>;
  schedules: Schedule[] | null;
}

export interface GroupInput {
  readonly path: string;
  readonly name?: string;
  readonly parent?: Group;
  readonly visibility?: Visibility;
}

export interface ProjectInput {
  /** How long ago it was made, milliseconds. @default 0 */
  readonly ageMs?: number;
  readonly path: string;
  readonly name?: string;
  readonly group: Group;
  readonly visibility?: Visibility;
  readonly archived?: boolean;
  readonly markedForDeletionOn?: string | null;
  readonly topics?: readonly string[];
  readonly content?: readonly Content[];
}

export interface UserInput {
  readonly username: string;
  readonly admin?: boolean;
}

export interface TokenInput {
  readonly value: string;
  readonly user: User;
  readonly name?: string;
  readonly scopes?: readonly string[];
  readonly expiresAt?: number | null;
}

const EVERYTHING: ReadonlySet<Content> = new Set(ALL_CONTENT);
const NO_TOPICS: readonly string[] = [];

export class Model {
  readonly #clock: Clock;
  #lastId = 0;
  #lastProjectId = 0;
  #lastHookId = 0;
  #lastLogId = 0;
  /** Changes with whatever a listing of projects depends on. */
  revision = 0;
  readonly users = new Map<number, User>();
  readonly tokens = new Map<string, Token>();
  readonly groups = new Map<number, Group>();
  readonly projects = new Map<number, Project>();
  readonly systemHooks: Hook[] = [];
  readonly #groupPaths = new Map<string, Group>();
  readonly #projectPaths = new Map<string, Project>();
  readonly #formerPaths = new Map<string, Project>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  addUser(input: UserInput): User {
    const user: User = {
      id: ++this.#lastId,
      username: input.username,
      name: input.username,
      email: `${input.username}@example.com`,
      admin: input.admin ?? false,
      groupRoles: new Map(),
      projectRoles: new Map(),
      groupAbilities: new Map(),
      projectAbilities: new Map(),
    };
    this.users.set(user.id, user);
    return user;
  }

  userByName(username: string): User | undefined {
    for (const user of this.users.values()) if (user.username === username) return user;
    return undefined;
  }

  addToken(input: TokenInput): Token {
    const token: Token = {
      id: ++this.#lastId,
      value: input.value,
      user: input.user,
      name: input.name ?? "automation",
      scopes: input.scopes ?? ["api"],
      expiresAt: input.expiresAt ?? null,
      revoked: false,
    };
    this.tokens.set(token.value, token);
    return token;
  }

  /** Makes the user a member; 0 ends the membership. @param abilities of a custom role that is based on the level */
  setGroupRole(user: User, group: Group, level: number, abilities: readonly Ability[] = []): void {
    user.groupRoles.set(group.id, level);
    user.groupAbilities.set(group.id, new Set(abilities));
    this.revision++;
  }

  setProjectRole(user: User, project: Project, level: number, abilities: readonly Ability[] = []): void {
    user.projectRoles.set(project.id, level);
    user.projectAbilities.set(project.id, new Set(abilities));
    this.revision++;
  }

  addGroup(input: GroupInput): Group {
    const parent = input.parent ?? null;
    const group: Group = {
      id: ++this.#lastId,
      path: input.path,
      name: input.name ?? input.path,
      fullPath: parent ? `${parent.fullPath}/${input.path}` : input.path,
      parent,
      visibility: input.visibility ?? "private",
      createdAt: this.#clock.now(),
      subgroups: [],
      projects: [],
      hooks: [],
      markedForDeletionOn: null,
    };
    parent?.subgroups.push(group);
    this.groups.set(group.id, group);
    this.#groupPaths.set(pathKey(group.fullPath), group);
    this.revision++;
    return group;
  }

  addProject(input: ProjectInput): Project {
    const now = this.#clock.now() - (input.ageMs ?? 0);
    const project: Project = {
      id: ++this.#lastProjectId,
      path: input.path,
      name: input.name ?? input.path,
      fullPath: `${input.group.fullPath}/${input.path}`,
      group: input.group,
      visibility: input.visibility ?? "private",
      archived: input.archived ?? false,
      markedForDeletionOn: input.markedForDeletionOn ?? null,
      topics: input.topics ?? NO_TOPICS,
      createdAt: now,
      lastActivityAt: now,
      updatedAt: now,
      sharedWith: new Map(),
      hooks: [],
      forbidden: false,
      content: input.content ? new Set(input.content) : EVERYTHING,
      schedules: null,
    };
    input.group.projects.push(project);
    this.projects.set(project.id, project);
    this.#projectPaths.set(pathKey(project.fullPath), project);
    this.revision++;
    return project;
  }

  /** Changes what a listing shows of the project. */
  updateProject(
    project: Project,
    change: Partial<
      Pick<
        Project,
        | "archived"
        | "markedForDeletionOn"
        | "topics"
        | "visibility"
        | "forbidden"
        | "lastActivityAt"
        | "content"
      >
    >,
  ): void {
    Object.assign(project, change, { updatedAt: this.#clock.now() });
    this.revision++;
  }

  shareProject(project: Project, group: Group, level: number): void {
    project.sharedWith.set(group.id, level);
    this.revision++;
  }

  deleteProject(project: Project): void {
    this.projects.delete(project.id);
    this.#projectPaths.delete(pathKey(project.fullPath));
    project.group.projects.splice(project.group.projects.indexOf(project), 1);
    for (const [path, moved] of this.#formerPaths) if (moved === project) this.#formerPaths.delete(path);
    this.revision++;
  }

  /** Another path, another group or both; the old path keeps leading to it. */
  moveProject(project: Project, to: { readonly group?: Group; readonly path?: string }): void {
    const oldPath = project.fullPath;
    if (to.group && to.group !== project.group) {
      project.group.projects.splice(project.group.projects.indexOf(project), 1);
      project.group = to.group;
      to.group.projects.push(project);
    }
    project.path = to.path ?? project.path;
    project.updatedAt = this.#clock.now();
    this.#repath(project, oldPath);
    this.revision++;
  }

  /** Another path for a group and so for everything below it; no project in it notices but by its path. */
  renameGroup(group: Group, path: string): void {
    group.path = path;
    this.#repathGroup(group);
  }

  /** Another parent for a group (null: none), with everything below it. Memberships above the old place are gone. */
  transferGroup(group: Group, parent: Group | null): void {
    group.parent?.subgroups.splice(group.parent.subgroups.indexOf(group), 1);
    group.parent = parent;
    parent?.subgroups.push(group);
    this.#repathGroup(group);
  }

  #repathGroup(group: Group): void {
    const walk = (g: Group): void => {
      this.#groupPaths.delete(pathKey(g.fullPath));
      g.fullPath = g.parent ? `${g.parent.fullPath}/${g.path}` : g.path;
      this.#groupPaths.set(pathKey(g.fullPath), g);
      for (const project of g.projects) this.#repath(project, project.fullPath);
      g.subgroups.forEach(walk);
    };
    walk(group);
    this.revision++;
  }

  #repath(project: Project, oldPath: string): void {
    this.#projectPaths.delete(pathKey(oldPath));
    this.#formerPaths.set(pathKey(oldPath), project);
    project.fullPath = `${project.group.fullPath}/${project.path}`;
    this.#formerPaths.delete(pathKey(project.fullPath));
    this.#projectPaths.set(pathKey(project.fullPath), project);
  }

  /** Adds a hook past all checks; null: a system hook. */
  addHook(parent: Project | Group | null, url: string): Hook {
    const hook = this.draftHook(parent, url);
    (parent?.hooks ?? this.systemHooks).push(hook);
    return hook;
  }

  /** A hook with an id of its own that belongs to nothing yet. */
  draftHook(parent: Project | Group | null, url: string): Hook {
    const level: HookLevel = parent === null ? "system" : "group" in parent ? "project" : "group";
    return newHook(++this.#lastHookId, level, parent?.id ?? 0, url, this.#clock.now());
  }

  nextLogId(): number {
    return ++this.#lastLogId;
  }

  /** A range of ids for rows that are made later; answers its first. */
  reserveLogIds(count: number): number {
    const first = this.#lastLogId + 1;
    this.#lastLogId += count;
    return first;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  group(ref: string | number): Group | undefined {
    return isId(ref) ? this.groups.get(Number(ref)) : this.#groupPaths.get(pathKey(String(ref)));
  }

  /** A project by id or path, and whether the path is one that it has left. */
  project(ref: string | number): { project: Project; moved: boolean } | undefined {
    if (isId(ref)) {
      const found = this.projects.get(Number(ref));
      return found && { project: found, moved: false };
    }
    const key = pathKey(String(ref));
    const current = this.#projectPaths.get(key);
    if (current) return { project: current, moved: false };
    const former = this.#formerPaths.get(key);
    return former && { project: former, moved: true };
  }
}

/** The group itself and all groups above it, nearest first. */
export function ancestry(group: Group): Group[] {
  const result: Group[] = [];
  for (let g: Group | null = group; g !== null; g = g.parent) result.push(g);
  return result;
}

/** The group and everything below it. */
export function withDescendants(group: Group): Group[] {
  return [group, ...group.subgroups.flatMap(withDescendants)];
}

/** Paths are found in any letter case. */
function pathKey(path: string): string {
  return path.toLowerCase();
}

function isId(ref: string | number): boolean {
  return typeof ref === "number" || /^\d+$/.test(ref);
}
