/** In place of a page: an event that is no longer kept, a request that is refused, and what to do then. */
import { html } from "hono/html";
import type { Refusal } from "../api/answer.ts";
import type { Html } from "./html.ts";

export function gonePage(): Html {
  return html`<h1>There is no such event</h1>
    <p class="empty">
      It was deleted, or it was kept for as long as the settings say.
      <a href="/events" rel="up">All events</a>
    </p>`;
}

export function goneTargetPage(name: string): Html {
  return html`<h1>There is no target ${name}</h1>
    <p class="empty">
      The settings do not name it. Deliveries that are kept for it are under
      <a href="/targets#orphans" rel="up">targets</a>.
    </p>`;
}

export function goneReplayPage(): Html {
  return html`<h1>There is no such replay job</h1>
    <p class="empty">It ended too long ago to be kept. <a href="/replays" rel="up">All replay jobs</a></p>`;
}

export function missingPage(): Html {
  return html`<h1>There is nothing at this address</h1>
    <p class="empty">
      The sections are the <a href="/">overview</a>, <a href="/events">events</a>,
      <a href="/dead">dead letters</a> and <a href="/targets">targets</a>. Webhooks go to
      <code>/webhooks/gitlab</code>, by POST.
    </p>`;
}

/** What to do about a refusal, by its code. */
const CURES: Readonly<Record<string, string>> = {
  forbidden: "Ask an administrator of this relay for the role, or log in as someone who has it.",
  csrf: "Nothing was changed. Go back, load the page again, and repeat the action.",
  bad_request: "Nothing was changed. Go back, correct it, and send it again.",
  too_large: "Nothing was changed. Go back and send less.",
  too_many_attempts: "Wait a minute, then try again.",
};

export function refusedPage({ code, message }: Pick<Refusal, "code" | "message">): Html {
  const cure = Object.hasOwn(CURES, code)
    ? CURES[code]
    : "Nothing was changed. Go back and look at the page again.";
  return html`<h1>${code === "forbidden" ? "You may not do this" : "This cannot be done"}</h1>
    <p class="problem" role="alert">${message}</p>
    <p>${cure}</p>
    <p><a href="/">Back to the overview</a></p>`;
}

/** For a bug of ours. */
export function failedPage(): Html {
  return html`<h1>The relay could not make this page</h1>
    <p class="problem" role="alert">Internal error; the relay's log has it as <code>request.failed</code>.</p>
    <p>
      Webhooks are received and delivered as before. Load the page again; if it keeps failing, report the log
      line.
      <a href="/">Back to the overview</a>
    </p>`;
}
