/** The push that GitLab sends as a test from an empty repository: of a project that is not there, the same everywhere. */
import type { Json } from "./params.ts";

const AVATAR = "https://s.gravatar.com/avatar/d4c74594d841139328695756648b6bd6?s=80";
const AFTER = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7";

export function samplePush(): Json {
  return {
    object_kind: "push",
    event_name: "push",
    before: "95790bf891e76fee5e1747ab589903a6a1f80f22",
    after: AFTER,
    ref: "refs/heads/master",
    checkout_sha: AFTER,
    message: "Hello World",
    user_id: 4,
    user_name: "John Smith",
    user_email: "john@example.com",
    user_avatar: AVATAR,
    project_id: 15,
    project: {
      id: 15,
      name: "gitlab",
      description: "",
      web_url: "http://test.example.com/gitlab/gitlab",
      avatar_url: AVATAR,
      git_ssh_url: "git@test.example.com:gitlab/gitlab.git",
      git_http_url: "http://test.example.com/gitlab/gitlab.git",
      namespace: "gitlab",
      visibility_level: 0,
      path_with_namespace: "gitlab/gitlab",
      default_branch: "master",
    },
    commits: [
      {
        id: "c5feabde2d8cd023215af4d2ceeb7a64839fc428",
        message: "Add simple search to projects in public area",
        title: "Add simple search to projects in public area",
        timestamp: "2013-05-13T18:18:08+00:00",
        url: "https://test.example.com/gitlab/gitlab/-/commit/c5feabde2d8cd023215af4d2ceeb7a64839fc428",
        author: { name: "Test User", email: "test@example.com" },
      },
    ],
    total_commits_count: 1,
    push_options: { ci: { skip: true } },
  };
}
