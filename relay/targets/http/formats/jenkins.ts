/**
 * Jenkins' own `POST job/NAME/buildWithParameters`, without a plugin: a form with the parameters of the build. Jenkins ignores parameters
 * that the job does not have; those that the event does not know are left out, so that the job's defaults hold.
 */
import type { Format } from "./format.ts";

export const jenkins: Format = {
  contentType: "application/x-www-form-urlencoded",
  body(event) {
    const parameters = {
      GITLAB_EVENT_ID: event.id,
      GITLAB_KIND: event.kind,
      GITLAB_ACTION: event.action,
      GITLAB_PROJECT_ID: event.project.id,
      GITLAB_PROJECT: event.project.path,
      GITLAB_REF: event.ref,
      GITLAB_BRANCH: event.branch,
      GITLAB_TAG: event.tag,
      GITLAB_SHA: event.sha,
      GITLAB_USER: event.actor,
      GITLAB_URL: event.url,
      GITLAB_TEXT: event.sentence,
    };
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) if (value !== null) form.set(name, String(value));
    return form.toString();
  },
};
