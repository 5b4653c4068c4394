/** Payloads of what people discuss: issues, merge requests, comments, reactions, milestones. */
import {
  commitObject,
  INSTANCE,
  labelObject,
  projectObject,
  PROJECT_ID,
  repositoryObject,
  time,
  USER_ID,
  userObject,
  projectUrl,
  type Body,
  type Payload,
  type Scene,
} from "./scene.ts";

function issueObject(scene: Scene, isConfidential: boolean): Body {
  return {
    author_id: USER_ID,
    closed_at: null,
    confidential: isConfidential,
    created_at: time(scene),
    description: "The price is shown without tax",
    discussion_locked: null,
    due_date: null,
    id: 300 + scene.number,
    iid: scene.number,
    milestone_id: null,
    project_id: PROJECT_ID,
    state_id: 1,
    title: "Prices lack tax",
    updated_at: time(scene),
    weight: null,
    type: "Issue",
    url: `${projectUrl(scene)}/-/issues/${scene.number}`,
    assignee_ids: [USER_ID],
    labels: [labelObject(scene)],
    state: "opened",
    severity: "unknown",
    action: "open",
  };
}

const issueOf =
  (isConfidential: boolean): Payload =>
  (scene) => ({
    object_kind: "issue",
    event_type: isConfidential ? "confidential_issue" : "issue",
    user: userObject(scene),
    project: projectObject(scene),
    object_attributes: issueObject(scene, isConfidential),
    labels: [labelObject(scene)],
    changes: { created_at: { previous: null, current: time(scene) } },
    repository: repositoryObject(scene),
    assignees: [userObject(scene)],
  });

const issue = issueOf(false);
const confidentialIssue = issueOf(true);

function mergeRequestObject(scene: Scene): Body {
  return {
    assignee_id: null,
    author_id: USER_ID,
    created_at: time(scene, 3600),
    description: "Closes #1",
    draft: false,
    head_pipeline_id: null,
    id: 900 + scene.number,
    iid: scene.number,
    merge_commit_sha: null,
    merge_status: "can_be_merged",
    merge_user_id: null,
    source_branch: "show-tax",
    source_project_id: PROJECT_ID,
    state_id: 1,
    target_branch: scene.branch,
    target_project_id: PROJECT_ID,
    title: "Show prices with tax",
    updated_at: time(scene),
    url: `${projectUrl(scene)}/-/merge_requests/${scene.number}`,
    source: projectObject(scene),
    target: projectObject(scene),
    last_commit: commitObject(scene, "Show prices with tax"),
    work_in_progress: false,
    labels: [labelObject(scene)],
    state: "opened",
    blocking_discussions_resolved: true,
    first_contribution: false,
    detailed_merge_status: "mergeable",
    action: "open",
  };
}

const mergeRequest: Payload = (scene) => ({
  object_kind: "merge_request",
  event_type: "merge_request",
  user: userObject(scene),
  project: projectObject(scene),
  object_attributes: mergeRequestObject(scene),
  labels: [labelObject(scene)],
  changes: {},
  repository: repositoryObject(scene),
  assignees: [userObject(scene)],
  reviewers: [],
});

const noteOf =
  (isInternal: boolean): Payload =>
  (scene) => ({
    object_kind: "note",
    event_type: isInternal ? "confidential_note" : "note",
    user: userObject(scene),
    project_id: PROJECT_ID,
    project: projectObject(scene),
    repository: repositoryObject(scene),
    object_attributes: {
      id: 1200 + scene.number,
      internal: isInternal,
      note: "Works here. One question about rounding below.",
      noteable_type: "MergeRequest",
      author_id: USER_ID,
      created_at: time(scene),
      updated_at: time(scene),
      project_id: PROJECT_ID,
      attachment: null,
      line_code: null,
      commit_id: "",
      noteable_id: 901,
      system: false,
      st_diff: null,
      action: "create",
      url: `${projectUrl(scene)}/-/merge_requests/1#note_${1200 + scene.number}`,
    },
    merge_request: { ...mergeRequestObject({ ...scene, number: 1 }), action: undefined },
  });

const note = noteOf(false);
const confidentialNote = noteOf(true);

const emoji: Payload = (scene) => ({
  object_kind: "emoji",
  event_type: "award",
  user: userObject(scene),
  project_id: PROJECT_ID,
  project: projectObject(scene),
  object_attributes: {
    user_id: USER_ID,
    created_at: time(scene),
    id: scene.number,
    name: "thumbsup",
    awardable_type: "Issue",
    awardable_id: 301,
    updated_at: time(scene),
    action: "award",
    awarded_on_url: `${projectUrl(scene)}/-/issues/1`,
  },
  issue: issueObject({ ...scene, number: 1 }, false),
});

const milestone: Payload = (scene) => ({
  object_kind: "milestone",
  event_type: "milestone",
  project: projectObject(scene),
  object_attributes: {
    id: 60 + scene.number,
    iid: scene.number,
    title: `1.${scene.number}`,
    description: null,
    state: "active",
    created_at: time(scene),
    updated_at: time(scene),
    due_date: null,
    start_date: null,
    group_id: null,
    project_id: PROJECT_ID,
  },
  action: "create",
});

const vulnerability: Payload = (scene) => ({
  object_kind: "vulnerability",
  object_attributes: {
    url: `${projectUrl(scene)}/-/security/vulnerabilities/${scene.number}`,
    title: "Denial of service in an XML parser",
    state: "detected",
    project_id: PROJECT_ID,
    location: { file: "package-lock.json", dependency: { package: { name: "xml" }, version: "3.3.1" } },
    cvss: [],
    severity: "high",
    severity_overridden: false,
    identifiers: [
      { name: "CVE-0000-0000", external_id: "CVE-0000-0000", external_type: "cve", url: INSTANCE },
    ],
    report_type: "dependency_scanning",
    confidence: "unknown",
    confidence_overridden: false,
    issues: [],
    created_at: time(scene),
    updated_at: time(scene),
  },
});

/** By `kind` of lib/events.ts. */
export const PLANNING_PAYLOADS: Readonly<Record<string, Payload>> = {
  issue,
  confidential_issue: confidentialIssue,
  note,
  confidential_note: confidentialNote,
  merge_request: mergeRequest,
  milestone,
  emoji,
  vulnerability,
};
