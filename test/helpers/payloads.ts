/** A morning of a small team, as webhooks: the shapes that GitLab sends, cut to what the relay and its pages read. */

import { createHash } from "node:crypto";
import { eventFacts } from "../../relay/event/event-facts.ts";
import type { EventMeta } from "../../relay/event/event.ts";
import { eventMeta } from "./events.ts";

export interface SampleWebhook {
  readonly header: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const people = {
  alice: { id: 11, name: "Alice Doe", username: "alice", email: "alice@acme.dev" },
  bob: { id: 12, name: "Bob Ray", username: "bob", email: "[REDACTED]" },
  chen: { id: 13, name: "Chen Li", username: "chen", email: "chen@acme.dev" },
} as const;

const projects = {
  shop: { id: 42, name: "shop", path_with_namespace: "acme/shop", default_branch: "main" },
  api: { id: 43, name: "api", path_with_namespace: "acme/platform/api", default_branch: "main" },
  docs: { id: 44, name: "docs", path_with_namespace: "acme/docs", default_branch: "main" },
} as const;

type Person = keyof typeof people;
type Project = keyof typeof projects;

function commit(project: Project, who: Person, message: string, at: string) {
  const { name, email } = people[who];
  return {
    id: createHash("sha1").update(`${project}/${message}`).digest("hex"),
    message,
    title: message.split("\n")[0],
    timestamp: at,
    author: { name, email },
    added: ["src/cart.ts"],
    modified: ["src/app.ts", "README.md"],
    removed: [],
  };
}

export function push(
  who: Person,
  project: Project,
  branch: string,
  messages: readonly string[],
): SampleWebhook {
  const at = "2026-01-15T09:30:00+00:00";
  return {
    header: "Push Hook",
    body: {
      object_kind: "push",
      event_name: "push",
      before: "95790bf891e76fee5e1747ab589903a6a1f80f22",
      after: "da1560886d4f094c3e6c9ef40349f7d38b5d27d7",
      ref: `refs/heads/${branch}`,
      user_username: who,
      user_name: people[who].name,
      user_email: people[who].email,
      project_id: projects[project].id,
      project: projects[project],
      commits: messages.map((message) => commit(project, who, message, at)),
      total_commits_count: messages.length,
    },
  };
}

export function mergeRequest(
  who: Person,
  project: Project,
  iid: number,
  title: string,
  action: string,
): SampleWebhook {
  return {
    header: "Merge Request Hook",
    body: {
      object_kind: "merge_request",
      event_type: "merge_request",
      user: people[who],
      project: projects[project],
      object_attributes: {
        id: 90_000 + iid,
        iid,
        title,
        action,
        state: action === "merge" ? "merged" : "opened",
        author_id: 11,
        source_branch: "feature/cart",
        target_branch: "main",
        created_at: "2026-01-15T08:00:00Z",
        updated_at: "2026-01-15T09:00:00Z",
      },
      changes: {},
    },
  };
}

export function pipeline(
  who: Person,
  project: Project,
  id: number,
  status: string,
  durationSeconds: number,
): SampleWebhook {
  return {
    header: "Pipeline Hook",
    body: {
      object_kind: "pipeline",
      object_attributes: {
        id,
        iid: id % 1000,
        ref: "main",
        tag: false,
        sha: "bcbb5ec396a2c0f828686f14fac9b80b780504f2",
        status,
        duration: durationSeconds,
        created_at: "2026-01-15T09:00:00Z",
        finished_at: "2026-01-15T09:05:00Z",
      },
      user: people[who],
      project: projects[project],
      builds: [
        { id: id * 10, stage: "test", name: "unit", status: "success" },
        { id: id * 10 + 1, stage: "test", name: "e2e", status },
      ],
    },
  };
}

export function note(who: Person, project: Project, iid: number, text: string): SampleWebhook {
  return {
    header: "Note Hook",
    body: {
      object_kind: "note",
      event_type: "note",
      user: people[who],
      project_id: projects[project].id,
      project: projects[project],
      object_attributes: { id: 1240 + iid, note: text, noteable_type: "MergeRequest", action: "create" },
      merge_request: { id: 90_000 + iid, iid, title: "Cart keeps its content", author_id: 11 },
    },
  };
}

export function issue(
  who: Person,
  project: Project,
  iid: number,
  title: string,
  action: string,
): SampleWebhook {
  return {
    header: "Issue Hook",
    body: {
      object_kind: "issue",
      event_type: "issue",
      user: people[who],
      project: projects[project],
      object_attributes: {
        id: 300 + iid,
        iid,
        title,
        action,
        state: action === "close" ? "closed" : "opened",
        type: "Issue",
        created_at: "2026-01-14T09:00:00Z",
      },
    },
  };
}

export function deployment(who: Person, project: Project, status: string): SampleWebhook {
  return {
    header: "Deployment Hook",
    body: {
      object_kind: "deployment",
      status,
      status_changed_at: "2026-01-15 09:40:00 +0000",
      deployment_id: 15,
      environment: "production",
      environment_tier: "production",
      project: projects[project],
      user: people[who],
      ref: "main",
    },
  };
}

export const MORNING: readonly SampleWebhook[] = [
  issue("chen", "shop", 8, "Cart is empty after login", "open"),
  push("alice", "shop", "feature/cart", ["Keep the cart in the session", "Test it", "Fix the typo"]),
  mergeRequest("alice", "shop", 17, "Cart keeps its content", "open"),
  pipeline("alice", "shop", 5101, "failed", 212),
  push("alice", "shop", "feature/cart", ["Wait for the session"]),
  pipeline("alice", "shop", 5102, "success", 187),
  note("bob", "shop", 17, "Works here. One question about the cookie below."),
  mergeRequest("bob", "shop", 17, "Cart keeps its content", "approved"),
  mergeRequest("alice", "shop", 17, "Cart keeps its content", "merge"),
  issue("alice", "shop", 8, "Cart is empty after login", "close"),
  push("bob", "api", "main", ["Rate limit the search", "Log the slow ones"]),
  pipeline("bob", "api", 5103, "success", 95),
  deployment("bob", "api", "success"),
  push("chen", "docs", "main", ["Say how to reset a password"]),
];

/** What the relay notes of it. */
export function metaOf({ header, body }: SampleWebhook, changes: Partial<EventMeta> = {}): EventMeta {
  const instance = "https://gitlab.example.com";
  return eventMeta({ header, ...eventFacts({ header, instance }, body), ...changes });
}
