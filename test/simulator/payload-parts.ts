/** Pieces that the payloads of many events share: project, user, commits, and the ids that go with them. */
import { createHash } from "node:crypto";
import type { Project, User } from "./model.ts";
import type { Json } from "./params.ts";
import type { World } from "./world.ts";

export interface Parts {
  readonly world: World;
  readonly user: User;
  /** A new id for the event's object. */
  readonly id: number;
  /** ISO 8601 with milliseconds since 19.0, `YYYY-MM-DD HH:MM:SS UTC` before. */
  readonly now: string;
  readonly iso: string;
  /** `refs/heads/main`. */
  readonly ref: string;
  readonly commitCount: number;
}

/** A commit id that depends on nothing but the words. */
export function sha(...words: readonly (string | number)[]): string {
  return createHash("sha1").update(words.join("/")).digest("hex");
}

export function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}

export function webUrl(parts: Parts, project: Project): string {
  return `${parts.world.baseUrl}/${project.fullPath}`;
}

function sshUrl(parts: Parts, project: Project): string {
  return `git@${new URL(parts.world.baseUrl).hostname}:${project.fullPath}.git`;
}

const LEVELS = { private: 0, internal: 10, public: 20 } as const;

export function projectPart(parts: Parts, project: Project): Json {
  const web = webUrl(parts, project);
  return {
    id: project.id,
    name: project.name,
    description: null,
    web_url: web,
    avatar_url: null,
    git_ssh_url: sshUrl(parts, project),
    git_http_url: `${web}.git`,
    namespace: project.group.name,
    visibility_level: LEVELS[project.visibility],
    path_with_namespace: project.fullPath,
    default_branch: "main",
    ci_config_path: null,
    homepage: web,
    url: sshUrl(parts, project),
    ssh_url: sshUrl(parts, project),
    http_url: `${web}.git`,
  };
}

export function repositoryPart(parts: Parts, project: Project): Json {
  const web = webUrl(parts, project);
  return {
    name: project.name,
    url: sshUrl(parts, project),
    description: null,
    homepage: web,
    git_http_url: `${web}.git`,
    git_ssh_url: sshUrl(parts, project),
    visibility_level: LEVELS[project.visibility],
  };
}

export function userPart(parts: Parts): Json {
  return {
    id: parts.user.id,
    name: parts.user.name,
    username: parts.user.username,
    avatar_url: null,
    email: "[REDACTED]",
  };
}

export function commitPart(parts: Parts, project: Project, index: number): Json {
  const id = sha(project.id, parts.id, index);
  return {
    id,
    message: `Change number ${index + 1}\n`,
    title: `Change number ${index + 1}`,
    timestamp: parts.iso,
    url: `${webUrl(parts, project)}/-/commit/${id}`,
    author: { name: parts.user.name, email: parts.user.email },
    added: [],
    modified: ["README.md"],
    removed: [],
  };
}

/** `b` laid over `a`, objects merged, everything else replaced. */
export function overlay(a: Json, b: Json): Json {
  const result: Json = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const known = result[key];
    const both = isPlain(known) && isPlain(value);
    result[key] = both ? overlay(known, value) : value;
  }
  return result;
}

function isPlain(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
