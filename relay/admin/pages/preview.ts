/** Which targets would get one event by the rules of now, which rules stop the others, and what would be sent. */
import { html } from "hono/html";
import type { TargetPreview } from "../api/preview.ts";
import { size, type Html } from "./html.ts";

export interface PreviewView {
  readonly eventId: string;
  /** The event in one sentence. */
  readonly title: string;
  readonly previews: readonly TargetPreview[];
}

export function previewPage({ eventId, title, previews }: PreviewView): Html {
  return html`<div class="title">
      <div>
        <p class="crumb"><a href="/events/${eventId}" rel="up">${title}</a></p>
        <h1>Who gets it</h1>
        <p class="sub">By the current rules. Opening this page sends nothing.</p>
      </div>
    </div>
    ${
      previews.length === 0
        ? html`<p class="empty">No target is configured.</p>`
        : previews.map((preview) => targetSection(preview))
    }`;
}

function targetSection(preview: TargetPreview): Html {
  const { target, gets, stoppedBy, overrides } = preview;
  return html`<section>
    <h2><a href="/targets/${encodeURIComponent(target)}">${target}</a></h2>
    <p>
      <span class="pill ${gets ? "done" : "unmatched"}">${gets ? "would get it" : "would not get it"}</span>
    </p>
    ${
      stoppedBy.length === 0
        ? ""
        : html`<dl class="facts">
            ${stoppedBy.map(
              ({ rule, text }) =>
                html`<dt><code>${rule}</code></dt>
                  <dd>${text}</dd>`,
            )}
          </dl>`
    }
    ${
      overrides.length === 0
        ? ""
        : html`<p class="muted">Rules of ${overrides.map((i) => `overrides.${i}`).join(", ")} apply.</p>`
    }
    ${sent(preview)}
  </section>`;
}

function sent({ request, error }: TargetPreview): Html | "" {
  if (error !== null) return html`<p>It would become a dead letter: ${error}</p>`;
  if (request === null) return "";
  const headers = Object.entries(request.headers);
  return html`<details class="raw">
    <summary>What would be sent <span class="muted">${size(request.bodyBytes)}</span></summary>
    <p><code>${request.to}</code></p>
    <dl class="facts mono">
      ${headers.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>
    <pre tabindex="0">${request.body}</pre>
  </details>`;
}
