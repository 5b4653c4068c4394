/** Payloads of the events of a project, one function per row of the table of events. */
import type { Project } from "./model.ts";
import type { Json } from "./params.ts";
import type { Parts } from "./payload-parts.ts";
import { commitPart, projectPart, repositoryPart, sha, shortRef, userPart, webUrl } from "./payload-parts.ts";

/** Commits that a push shows; `total_commits_count` has the true number. */
const MAX_COMMITS = 20;

export type ProjectPayload = (parts: Parts, project: Project) => Json;

function push(parts: Parts, project: Project): Json {
  const shown = Math.min(MAX_COMMITS, parts.commitCount);
  const first = parts.commitCount - shown;
  const commits = Array.from({ length: shown }, (_, n) => commitPart(parts, project, first + n));
  const after = sha(project.id, parts.id, parts.commitCount - 1);
  return {
    object_kind: "push",
    event_name: "push",
    before: sha(project.id, parts.id, "before"),
    after,
    ref: parts.ref,
    ref_protected: parts.ref === "refs/heads/main",
    checkout_sha: after,
    message: null,
    user_id: parts.user.id,
    user_name: parts.user.name,
    user_username: parts.user.username,
    user_email: parts.user.email,
    user_avatar: null,
    project_id: project.id,
    project: projectPart(parts, project),
    commits,
    total_commits_count: parts.commitCount,
    push_options: {},
    repository: repositoryPart(parts, project),
  };
}

function tagPush(parts: Parts, project: Project): Json {
  const ref = parts.ref.startsWith("refs/tags/") ? parts.ref : "refs/tags/v1.0.0";
  return {
    ...push({ ...parts, ref, commitCount: 1 }, project),
    object_kind: "tag_push",
    event_name: "tag_push",
    before: "0".repeat(40),
    message: "Tag message",
  };
}

function issueAttributes(parts: Parts, project: Project): Json {
  return {
    id: parts.id,
    iid: parts.id % 10_000,
    project_id: project.id,
    author_id: parts.user.id,
    assignee_id: null,
    assignee_ids: [],
    milestone_id: null,
    title: "New API: create/update/delete file",
    description: "Create a new API for file manipulation",
    state: "opened",
    state_id: 1,
    type: "Issue",
    confidential: false,
    discussion_locked: null,
    due_date: null,
    labels: [],
    weight: null,
    time_estimate: 0,
    total_time_spent: 0,
    created_at: parts.now,
    updated_at: parts.now,
    closed_at: null,
    url: `${webUrl(parts, project)}/-/issues/${parts.id % 10_000}`,
    severity: "unknown",
  };
}

function issue(parts: Parts, project: Project): Json {
  return {
    object_kind: "issue",
    event_type: "issue",
    user: userPart(parts),
    project: projectPart(parts, project),
    object_attributes: { ...issueAttributes(parts, project), action: "open" },
    labels: [],
    changes: {},
    repository: repositoryPart(parts, project),
  };
}

function confidentialIssue(parts: Parts, project: Project): Json {
  return {
    ...issue(parts, project),
    event_type: "confidential_issue",
    object_attributes: { ...issueAttributes(parts, project), action: "open", confidential: true },
  };
}

function note(parts: Parts, project: Project): Json {
  return {
    object_kind: "note",
    event_type: "note",
    user: userPart(parts),
    project_id: project.id,
    project: projectPart(parts, project),
    object_attributes: {
      id: parts.id,
      note: "This is a comment.",
      noteable_type: "Issue",
      noteable_id: parts.id + 1,
      author_id: parts.user.id,
      project_id: project.id,
      created_at: parts.now,
      updated_at: parts.now,
      system: false,
      internal: false,
      attachment: null,
      line_code: null,
      commit_id: "",
      discussion_id: sha("discussion", parts.id),
      action: "create",
      url: `${webUrl(parts, project)}/-/issues/17#note_${parts.id}`,
    },
    repository: repositoryPart(parts, project),
    issue: issueAttributes(parts, project),
  };
}

function confidentialNote(parts: Parts, project: Project): Json {
  return { ...note(parts, project), event_type: "confidential_note" };
}

function mergeRequest(parts: Parts, project: Project): Json {
  const self = projectPart(parts, project);
  return {
    object_kind: "merge_request",
    event_type: "merge_request",
    user: userPart(parts),
    project: self,
    repository: repositoryPart(parts, project),
    object_attributes: {
      id: parts.id,
      iid: parts.id % 10_000,
      target_branch: "main",
      source_branch: "feature",
      source_project_id: project.id,
      target_project_id: project.id,
      author_id: parts.user.id,
      assignee_ids: [],
      reviewer_ids: [],
      title: "MS-Viewport",
      description: "",
      state: "opened",
      state_id: 1,
      draft: false,
      work_in_progress: false,
      merge_status: "unchecked",
      detailed_merge_status: "mergeable",
      blocking_discussions_resolved: true,
      head_pipeline_id: null,
      created_at: parts.now,
      updated_at: parts.now,
      last_commit: commitPart(parts, project, 0),
      source: self,
      target: self,
      labels: [],
      action: "open",
      url: `${webUrl(parts, project)}/-/merge_requests/${parts.id % 10_000}`,
    },
    labels: [],
    changes: {},
    assignees: [],
    reviewers: [],
  };
}

function wikiPage(parts: Parts, project: Project): Json {
  const web = webUrl(parts, project);
  return {
    object_kind: "wiki_page",
    user: userPart(parts),
    project: projectPart(parts, project),
    wiki: {
      web_url: `${web}/-/wikis/home`,
      git_ssh_url: `git@localhost:${project.fullPath}.wiki.git`,
      git_http_url: `${web}.wiki.git`,
      path_with_namespace: `${project.fullPath}.wiki`,
      default_branch: "main",
    },
    object_attributes: {
      title: "Awesome",
      content: "awesome content goes here",
      format: "markdown",
      message: "adding an awesome page to the wiki",
      slug: "awesome",
      url: `${web}/-/wikis/awesome`,
      action: "create",
      diff_url: `${web}/-/wikis/home/diff?version_id=${sha("wiki", parts.id)}`,
      version_id: sha("wiki", parts.id),
    },
  };
}

function pipeline(parts: Parts, project: Project): Json {
  return {
    object_kind: "pipeline",
    object_attributes: {
      id: parts.id,
      iid: parts.id % 10_000,
      name: null,
      ref: shortRef(parts.ref),
      tag: parts.ref.startsWith("refs/tags/"),
      sha: sha(project.id, parts.id),
      before_sha: "0".repeat(40),
      source: "push",
      status: "success",
      detailed_status: "passed",
      stages: ["build", "test"],
      created_at: parts.now,
      finished_at: parts.now,
      duration: 63,
      queued_duration: 4,
      variables: [],
      url: `${webUrl(parts, project)}/-/pipelines/${parts.id}`,
    },
    merge_request: null,
    user: userPart(parts),
    project: projectPart(parts, project),
    commit: commitPart(parts, project, 0),
    builds: [
      {
        id: parts.id + 1,
        stage: "test",
        name: "unit",
        status: "success",
        created_at: parts.now,
        started_at: parts.now,
        finished_at: parts.now,
        duration: 30.1,
        queued_duration: 1.2,
        failure_reason: null,
        when: "on_success",
        manual: false,
        allow_failure: false,
        user: userPart(parts),
        runner: null,
        artifacts_file: { filename: null, size: null },
        environment: null,
      },
    ],
  };
}

function build(parts: Parts, project: Project): Json {
  return {
    object_kind: "build",
    ref: shortRef(parts.ref),
    tag: parts.ref.startsWith("refs/tags/"),
    before_sha: "0".repeat(40),
    sha: sha(project.id, parts.id),
    build_id: parts.id + 1,
    build_name: "unit",
    build_stage: "test",
    build_status: "success",
    build_created_at: parts.now,
    build_started_at: parts.now,
    build_finished_at: parts.now,
    build_created_at_iso: parts.iso,
    build_started_at_iso: parts.iso,
    build_finished_at_iso: parts.iso,
    build_duration: 30.1,
    build_queued_duration: 1.2,
    build_allow_failure: false,
    build_failure_reason: "unknown_failure",
    retries_count: 0,
    pipeline_id: parts.id,
    project_id: project.id,
    project_name: project.fullPath.split("/").join(" / "),
    user: userPart(parts),
    commit: {
      id: parts.id,
      name: null,
      sha: sha(project.id, parts.id),
      message: "Change",
      author_name: parts.user.name,
      author_email: parts.user.email,
      status: "success",
      duration: 63,
      started_at: parts.now,
      finished_at: parts.now,
    },
    repository: repositoryPart(parts, project),
    project: projectPart(parts, project),
    runner: null,
    environment: null,
    source_pipeline: null,
  };
}

function deployment(parts: Parts, project: Project): Json {
  return {
    object_kind: "deployment",
    status: "success",
    status_changed_at: parts.now,
    deployment_id: parts.id,
    deployable_id: parts.id + 1,
    deployable_url: `${webUrl(parts, project)}/-/jobs/${parts.id + 1}`,
    environment: "production",
    environment_tier: "production",
    environment_slug: "production",
    environment_external_url: "https://production.example.com",
    project: projectPart(parts, project),
    short_sha: sha(project.id, parts.id).slice(0, 8),
    user: userPart(parts),
    user_url: `${parts.world.baseUrl}/${parts.user.username}`,
    commit_url: `${webUrl(parts, project)}/-/commit/${sha(project.id, parts.id)}`,
    commit_title: "Change",
    ref: shortRef(parts.ref),
  };
}

function featureFlag(parts: Parts, project: Project): Json {
  return {
    object_kind: "feature_flag",
    project: projectPart(parts, project),
    user: userPart(parts),
    user_url: `${parts.world.baseUrl}/${parts.user.username}`,
    object_attributes: { id: parts.id, name: "test-feature-flag", description: "", active: true },
  };
}

function release(parts: Parts, project: Project): Json {
  const web = webUrl(parts, project);
  return {
    id: parts.id,
    created_at: parts.now,
    description: "v1.1 has been released",
    name: "v1.1",
    released_at: parts.now,
    tag: "v1.1",
    object_kind: "release",
    project: projectPart(parts, project),
    url: `${web}/-/releases/v1.1`,
    action: "create",
    assets: {
      count: 1,
      links: [],
      sources: [{ format: "zip", url: `${web}/-/archive/v1.1/archive.zip` }],
    },
    commit: commitPart(parts, project, 0),
  };
}

function milestone(parts: Parts, project: Project): Json {
  return {
    object_kind: "milestone",
    event_type: "milestone",
    project: projectPart(parts, project),
    object_attributes: {
      id: parts.id,
      iid: parts.id % 10_000,
      title: "v1.0",
      description: "First stable release",
      state: "active",
      created_at: parts.now,
      updated_at: parts.now,
      due_date: null,
      start_date: null,
      group_id: null,
      project_id: project.id,
    },
    action: "create",
  };
}

function emoji(parts: Parts, project: Project): Json {
  return {
    object_kind: "emoji",
    event_type: "award",
    user: userPart(parts),
    project_id: project.id,
    project: projectPart(parts, project),
    object_attributes: {
      user_id: parts.user.id,
      created_at: parts.now,
      id: parts.id,
      name: "thumbsup",
      awardable_type: "Issue",
      awardable_id: parts.id + 1,
      updated_at: parts.now,
      action: "award",
      awarded_on_url: `${webUrl(parts, project)}/-/issues/1`,
    },
    issue: issueAttributes(parts, project),
  };
}

function accessToken(parts: Parts, project: Project): Json {
  return {
    object_kind: "access_token",
    project: projectPart(parts, project),
    object_attributes: {
      user_id: parts.user.id,
      created_at: parts.now,
      id: parts.id,
      name: "acd",
      expires_at: parts.iso.slice(0, 10),
    },
    event_name: "expiring_access_token",
  };
}

function deployToken(parts: Parts, project: Project): Json {
  return {
    object_kind: "deploy_token",
    project: projectPart(parts, project),
    object_attributes: {
      id: parts.id,
      name: "deploy",
      created_at: parts.now,
      expires_at: parts.iso,
      revoked: false,
      deploy_token_type: "project_type",
    },
    event_name: "expiring_deploy_token",
  };
}

function vulnerability(parts: Parts, project: Project): Json {
  return {
    object_kind: "vulnerability",
    object_attributes: {
      url: `${webUrl(parts, project)}/-/security/vulnerabilities/${parts.id}`,
      title: "REXML DoS vulnerability",
      state: "confirmed",
      project_id: project.id,
      location: { file: "Gemfile.lock", dependency: { package: { name: "rexml" }, version: "3.3.1" } },
      cvss: [],
      severity: "high",
      severity_overridden: false,
      identifiers: [
        { name: "CVE-2024-41123", external_id: "CVE-2024-41123", external_type: "cve", url: null },
      ],
      issues: [],
      report_type: "dependency_scanning",
      confidence: "unknown",
      confidence_overridden: false,
      confirmed_at: parts.now,
      confirmed_by_id: parts.user.id,
      dismissed_at: null,
      dismissed_by_id: null,
      resolved_at: null,
      resolved_by_id: null,
      auto_resolved: false,
      resolved_on_default_branch: false,
      created_at: parts.now,
      updated_at: parts.now,
    },
  };
}

function repositoryUpdate(parts: Parts, project: Project): Json {
  const after = sha(project.id, parts.id);
  return {
    event_name: "repository_update",
    user_id: parts.user.id,
    user_name: parts.user.name,
    user_email: parts.user.email,
    user_avatar: null,
    project_id: project.id,
    project: projectPart(parts, project),
    changes: [{ before: sha(project.id, parts.id, "before"), after, ref: parts.ref }],
    refs: [parts.ref],
  };
}

/** By the kind of the table of events. */
export const PROJECT_PAYLOADS: Readonly<Record<string, ProjectPayload>> = {
  push,
  tag_push: tagPush,
  issue,
  confidential_issue: confidentialIssue,
  note,
  confidential_note: confidentialNote,
  merge_request: mergeRequest,
  wiki_page: wikiPage,
  pipeline,
  build,
  deployment,
  feature_flag: featureFlag,
  release,
  milestone,
  emoji,
  access_token: accessToken,
  deploy_token: deployToken,
  vulnerability,
  repository_update: repositoryUpdate,
};
