/** Payloads of CI/CD: pipelines, jobs, deployments, feature flags, tokens about to expire. */
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

function jobOfPipeline(scene: Scene, stage: string, name: string): Body {
  return {
    id: 3800 + scene.number,
    stage,
    name,
    status: "success",
    created_at: time(scene, 180),
    started_at: time(scene, 150),
    finished_at: time(scene, 90),
    duration: 60,
    queued_duration: 30,
    failure_reason: null,
    when: "on_success",
    manual: false,
    allow_failure: false,
    user: userObject(scene),
    runner: null,
    artifacts_file: { filename: null, size: null },
    environment: null,
  };
}

const pipeline: Payload = (scene) => ({
  object_kind: "pipeline",
  object_attributes: {
    id: 3100 + scene.number,
    iid: scene.number,
    name: null,
    ref: scene.branch,
    tag: false,
    sha: sha(`pipeline ${scene.number}`),
    before_sha: sha(`before ${scene.number}`),
    source: "push",
    protected_ref: true,
    status: "success",
    detailed_status: "passed",
    stages: ["build", "test"],
    created_at: time(scene, 180),
    finished_at: time(scene),
    duration: 120,
    queued_duration: 30,
    variables: [],
    url: `${projectUrl(scene)}/-/pipelines/${3100 + scene.number}`,
  },
  merge_request: null,
  user: userObject(scene),
  project: projectObject(scene),
  commit: commitObject(scene, "Show prices with tax"),
  builds: [jobOfPipeline(scene, "build", "compile"), jobOfPipeline(scene, "test", "unit")],
});

const job: Payload = (scene) => ({
  object_kind: "build",
  ref: scene.branch,
  tag: false,
  before_sha: sha(`before ${scene.number}`),
  sha: sha(`pipeline ${scene.number}`),
  retries_count: 0,
  build_id: 3800 + scene.number,
  build_name: "unit",
  build_stage: "test",
  build_status: "success",
  build_created_at: time(scene, 180),
  build_started_at: time(scene, 150),
  build_finished_at: time(scene, 90),
  build_duration: 60,
  build_queued_duration: 30,
  build_allow_failure: false,
  build_failure_reason: "unknown_failure",
  pipeline_id: 3100 + scene.number,
  runner: null,
  project_id: PROJECT_ID,
  project_name: scene.project.replaceAll("/", " / "),
  user: userObject(scene),
  commit: {
    id: 3100 + scene.number,
    name: null,
    sha: sha(`pipeline ${scene.number}`),
    message: "Show prices with tax\n",
    author_name: userObject(scene)["name"],
    status: "success",
  },
  repository: repositoryObject(scene),
  project: projectObject(scene),
  environment: null,
});

const deployment: Payload = (scene) => ({
  object_kind: "deployment",
  status: "success",
  status_changed_at: time(scene),
  deployment_id: scene.number,
  deployable_id: 3800 + scene.number,
  deployable_url: `${projectUrl(scene)}/-/jobs/${3800 + scene.number}`,
  environment: "staging",
  environment_tier: "staging",
  environment_slug: "staging",
  environment_external_url: "https://staging.example.com",
  project: projectObject(scene),
  ref: scene.branch,
  short_sha: sha(`pipeline ${scene.number}`).slice(0, 8),
  user: userObject(scene),
  user_url: `${new URL(projectUrl(scene)).origin}/${scene.user}`,
  commit_url: `${projectUrl(scene)}/-/commit/${sha(`pipeline ${scene.number}`)}`,
  commit_title: "Show prices with tax",
});

const featureFlag: Payload = (scene) => ({
  object_kind: "feature_flag",
  project: projectObject(scene),
  user: userObject(scene),
  user_url: `${new URL(projectUrl(scene)).origin}/${scene.user}`,
  object_attributes: { id: scene.number, name: "show-tax", description: "Prices with tax", active: true },
});

const DAY = 86_400;

const expiring =
  (kind: "access_token" | "deploy_token"): Payload =>
  (scene) => ({
    object_kind: kind,
    project: projectObject(scene),
    object_attributes: {
      ...(kind === "access_token" ? { user_id: USER_ID } : {}),
      created_at: time(scene, 300 * DAY),
      id: scene.number,
      name: kind === "access_token" ? "deploy" : "registry",
      expires_at: time(scene, -7 * DAY).slice(0, 10),
    },
    event_name: `expiring_${kind}`,
  });

/** By `kind` of lib/events.ts. */
export const CI_PAYLOADS: Readonly<Record<string, Payload>> = {
  pipeline,
  build: job,
  deployment,
  feature_flag: featureFlag,
  access_token: expiring("access_token"),
  deploy_token: expiring("deploy_token"),
};
