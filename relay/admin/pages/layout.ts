/** The frame of every page: head, navigation, state of the relay, and where the page's script finds what it needs. */
import { html } from "hono/html";
import type { Person } from "../auth/roles.ts";
import { grouped } from "../../../lib/numbers.ts";
import { type Html } from "./html.ts";

export type Section = "overview" | "events" | "dead" | "targets" | "activity";

const SECTIONS: readonly (readonly [Section, string, string])[] = [
  ["overview", "/", "Overview"],
  ["events", "/events", "Events"],
  ["dead", "/dead", "Dead letters"],
  ["targets", "/targets", "Targets"],
  ["activity", "/activity", "Activity"],
];

/** Of a relay that the settings give no name. */
export const DEFAULT_NAME = "hook relay";

export interface Assets {
  readonly css: string;
  readonly js: string;
}

export interface Frame {
  readonly assets: Assets;
  /** Which relay this is. */
  readonly name: string;
  readonly title: string;
  readonly section: Section | null;
  readonly csrf: string;
  /** Whether there is a session to end. */
  readonly canLogOut: boolean;
  readonly person: Person;
  /** What readiness depends on and does not hold, in words; empty: ready. */
  readonly troubles: readonly string[];
  /** Dead letters now, shown beside their section; null: not known now. */
  readonly dead: number | null;
  /** Query of the live stream that this page follows; null: it does not change by itself. */
  readonly stream: string | null;
  /** Where the stream begins, so that nothing falls between page and stream. */
  readonly since: string;
  /** What the last action did. */
  readonly notice: string | null;
  /** Id of the replay job that the notice is about; null: none. */
  readonly job: string | null;
  readonly hasActivity: boolean;
}

export function layout(frame: Frame, content: Html): Html {
  const { troubles, section } = frame;
  return html`<!doctype html>
    <html lang="en">
      ${head(frame.assets, frame.title, frame.name)}
      <body
        ${frame.stream === null ? "" : html`data-stream="/api/v1/stream${frame.stream}" data-since="${frame.since}"`}
      >
        <a class="skip" href="#content">Skip to content</a>
        <header class="bar">
          <a class="brand" href="/">${mark()}<span>${frame.name}</span></a>
          <nav aria-label="Sections">
            ${SECTIONS.filter(([name]) => name !== "activity" || frame.hasActivity).map(
              ([name, href, label]) =>
                html`<a href="${href}" ${name === section ? html`aria-current="page"` : ""}
                  >${label}${
                    name === "dead" && frame.dead !== null && frame.dead > 0
                      ? html` <span class="count" id="nav-dead" data-live>${grouped(frame.dead)}</span>`
                      : ""
                  }</a
                >`,
            )}
          </nav>
          <div class="tools">
            ${
              frame.stream === null
                ? ""
                : html`<button type="button" class="live" aria-pressed="true" hidden title="Live updates (l)">
                    <i></i><span>live</span>
                  </button>`
            }
            <a
              href="/readyz"
              id="ready"
              data-live
              class="ready ${troubles.length === 0 ? "good" : "bad"}"
              title="${troubles.length === 0 ? "All readiness checks pass" : troubles.join("; ")}"
              >${troubles.length === 0 ? "ready" : "not ready"}</a
            >
            ${
              frame.person.via === "token"
                ? ""
                : html`<span class="muted" title="${frame.person.role}">${frame.person.name}</span>`
            }
            ${frame.person.role === "admin" ? html`<a href="/audit" class="muted">Audit</a>` : ""}
            ${
              frame.canLogOut
                ? html`<form method="post" action="/logout" class="inline">
                    <input type="hidden" name="_csrf" value="${frame.csrf}" /><button class="quiet">
                      Log out
                    </button>
                  </form>`
                : ""
            }
          </div>
        </header>
        <main id="content" tabindex="-1">
          ${frame.notice === null ? "" : html`<p class="notice" role="status">${frame.notice}${frame.job === null ? "" : html` <a href="/replays/${frame.job}">Follow the replay job</a>`}</p>`}
          ${content}
        </main>
        <footer class="foot">
          <span>Times are in <span class="zone">UTC</span>.</span>
          <button type="button" class="quiet switch-zone" hidden>Show local time</button>
        </footer>
        <dialog class="keys" aria-label="Keyboard">
          <h2>Keyboard</h2>
          <dl>
            <dt><kbd>/</kbd></dt>
            <dd>search</dd>
            <dt><kbd>j</kbd> <kbd>k</kbd></dt>
            <dd>next, previous row</dd>
            <dt><kbd>Enter</kbd></dt>
            <dd>open it</dd>
            <dt><kbd>u</kbd></dt>
            <dd>back to the list</dd>
            <dt><kbd>l</kbd></dt>
            <dd>live updates on, off</dd>
            <dt><kbd>g</kbd> then <kbd>o</kbd> <kbd>e</kbd> <kbd>d</kbd> <kbd>t</kbd></dt>
            <dd>go to overview, events, dead letters, targets</dd>
          </dl>
          <form method="dialog"><button>Close</button></form>
        </dialog>
      </body>
    </html>`;
}

/** A page without navigation: the way in. */
export function plainPage(assets: Assets, { name, title }: PageNames, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      ${head(assets, title, name)}
      <body class="plain">
        <main id="content">
          <p class="brand">${mark()}<span>${name}</span></p>
          ${content}
        </main>
      </body>
    </html>`;
}

/** A page in place of another, for anybody: it has the way to everything and shows nothing of the relay. */
export function errorPage(assets: Assets, { name, title }: PageNames, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      ${head(assets, title, name)}
      <body>
        <a class="skip" href="#content">Skip to content</a>
        <header class="bar">
          <a class="brand" href="/">${mark()}<span>${name}</span></a>
          <nav aria-label="Sections">
            ${SECTIONS.filter(([section]) => section !== "activity").map(
              ([, href, label]) => html`<a href="${href}">${label}</a>`,
            )}
          </nav>
        </header>
        <main id="content" tabindex="-1">${content}</main>
      </body>
    </html>`;
}

export interface PageNames {
  /** Which relay this is. */
  readonly name: string;
  readonly title: string;
}

function head(assets: Assets, title: string, name: string): Html {
  return html`<head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="robots" content="noindex" />
    <title>${title} · ${name}</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="${assets.css}" />
    <script type="module" src="${assets.js}"></script>
  </head>`;
}

function mark(): Html {
  return html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M4 6h8a5 5 0 0 1 5 5v7" />
    <path d="m13 14 4 4 4-4" />
    <circle cx="4" cy="6" r="2" />
  </svg>`;
}
