/** Payloads of what happens to code: pushes, tags, releases, wiki pages. */
import {
  commitObject,
  projectObject,
  PROJECT_ID,
  repositoryObject,
  sha,
  time,
  USER_ID,
  userObject,
  projectUrl,
  type Body,
  type Payload,
  type Scene,
} from "./scene.ts";

const NOTHING = "0".repeat(40);

function pushed(scene: Scene, ref: string, commits: readonly Body[]): Body {
  const after = commits.at(-1)?.["id"] ?? sha(`tag ${scene.number}`);
  const { name, username } = userObject(scene);
  return {
    before: commits.length === 0 ? NOTHING : sha(`before ${scene.number}`),
    after,
    ref,
    ref_protected: true,
    checkout_sha: after,
    user_id: USER_ID,
    user_name: name,
    user_username: username,
    user_email: "",
    user_avatar: null,
    project_id: PROJECT_ID,
    project: projectObject(scene),
    commits,
    total_commits_count: commits.length,
    push_options: {},
    repository: repositoryObject(scene),
  };
}

const push: Payload = (scene) => ({
  object_kind: "push",
  event_name: "push",
  message: null,
  ...pushed(scene, `refs/heads/${scene.branch}`, [
    commitObject(scene, "Show prices with tax"),
    commitObject(scene, "Round to cents"),
  ]),
});

const tagPush: Payload = (scene) => ({
  object_kind: "tag_push",
  event_name: "tag_push",
  message: `Release 1.${scene.number}.0`,
  ...pushed(scene, `refs/tags/v1.${scene.number}.0`, []),
});

const repositoryUpdate: Payload = (scene) => {
  const { before, after, ref, user_id, user_name, user_email, user_avatar, project_id, project } = pushed(
    scene,
    `refs/heads/${scene.branch}`,
    [commitObject(scene, "Show prices with tax")],
  );
  return {
    event_name: "repository_update",
    user_id,
    user_name,
    user_email,
    user_avatar,
    project_id,
    project,
    changes: [{ before, after, ref }],
    refs: [ref],
  };
};

const release: Payload = (scene) => {
  const tag = `v1.${scene.number}.0`;
  return {
    id: scene.number,
    created_at: time(scene),
    description: "Prices show their tax",
    name: tag,
    released_at: time(scene),
    tag,
    object_kind: "release",
    project: projectObject(scene),
    url: `${projectUrl(scene)}/-/releases/${tag}`,
    action: "create",
    assets: { count: 0, links: [], sources: [] },
    commit: commitObject(scene, "Show prices with tax"),
  };
};

const wikiPage: Payload = (scene) => ({
  object_kind: "wiki_page",
  user: userObject(scene),
  project: projectObject(scene),
  wiki: {
    web_url: `${projectUrl(scene)}/-/wikis/home`,
    path_with_namespace: `${scene.project}.wiki`,
    default_branch: "main",
  },
  object_attributes: {
    slug: "taxes",
    title: "Taxes",
    format: "markdown",
    message: "Update taxes",
    version_id: sha(`wiki ${scene.number}`),
    url: `${projectUrl(scene)}/-/wikis/taxes`,
    action: "update",
    diff_url: `${projectUrl(scene)}/-/wikis/taxes/diff`,
  },
});

/** By `kind` of lib/events.ts. */
export const CODE_PAYLOADS: Readonly<Record<string, Payload>> = {
  push,
  tag_push: tagPush,
  release,
  wiki_page: wikiPage,
  repository_update: repositoryUpdate,
};
