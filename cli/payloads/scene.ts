/**
 * What the payloads of `send` have in common: who, where, when, and the objects that GitLab repeats in many kinds. Field names
 * and formats are those of GitLab 19; names, texts and ids are ours.
 */
import { createHash } from "node:crypto";

export type Body = Readonly<Record<string, unknown>>;

export interface Scene {
  /** Path with namespace, such as `acme/shop`. */
  readonly project: string;
  readonly branch: string;
  /** Username. */
  readonly user: string;
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** Differs between events, so that two of them are not one. */
  readonly number: number;
}

export type Payload = (scene: Scene) => Body;

/** Address of a GitLab that does not exist. */
export const INSTANCE = "https://gitlab.example.com";

export const PROJECT_ID = 42;
export const GROUP_ID = 7;
export const USER_ID = 11;

const VISIBILITY_PRIVATE = 0;

/** `2026-01-31T09:30:00Z`. */
export function time({ now }: Scene, secondsAgo = 0): string {
  return new Date(now - secondsAgo * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

export function name(path: string): string {
  return path.split("/").at(-1) as string;
}

export function group({ project }: Scene): string {
  return project.split("/").slice(0, -1).join("/");
}

export function projectUrl({ project }: Scene): string {
  return `${INSTANCE}/${project}`;
}

/** A commit's id: always the same for the same text. */
export function sha(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

export function projectObject(scene: Scene): Body {
  const { project } = scene;
  const ssh = `git@${new URL(INSTANCE).host}:${project}.git`;
  return {
    id: PROJECT_ID,
    name: name(project),
    description: "Shop window",
    web_url: projectUrl(scene),
    avatar_url: null,
    git_ssh_url: ssh,
    git_http_url: `${projectUrl(scene)}.git`,
    namespace: name(group(scene)),
    visibility_level: VISIBILITY_PRIVATE,
    path_with_namespace: project,
    default_branch: "main",
    ci_config_path: null,
    homepage: projectUrl(scene),
    url: ssh,
    ssh_url: ssh,
    http_url: `${projectUrl(scene)}.git`,
  };
}

export function repositoryObject(scene: Scene): Body {
  const { name: title, url, description, homepage } = projectObject(scene);
  return { name: title, url, description, homepage };
}

export function userObject({ user }: Scene): Body {
  return {
    id: USER_ID,
    name: user.slice(0, 1).toUpperCase() + user.slice(1),
    username: user,
    avatar_url: null,
    email: "[REDACTED]",
  };
}

export function commitObject(scene: Scene, title: string): Body {
  const id = sha(`${title} ${scene.number}`);
  return {
    id,
    message: `${title}\n`,
    title,
    timestamp: time(scene, 60),
    url: `${projectUrl(scene)}/-/commit/${id}`,
    author: { name: userObject(scene)["name"], email: "[REDACTED]" },
    added: ["src/tax.ts"],
    modified: ["src/cart.ts"],
    removed: [],
  };
}

export function labelObject(scene: Scene): Body {
  return {
    id: 206,
    title: "bug",
    color: "#d9534f",
    project_id: PROJECT_ID,
    created_at: time(scene, 86_400),
    updated_at: time(scene, 86_400),
    template: false,
    description: null,
    type: "ProjectLabel",
    group_id: null,
  };
}
