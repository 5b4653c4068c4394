/**
 * The question before an action: the same everywhere, so that no click on a list or a chart changes anything by itself. The browser's own
 * popover, which needs no script, closes with Escape and lies above tables that scroll.
 */
import { html } from "hono/html";
import type { Html } from "./html.ts";

export interface Question {
  /** Where the form goes. */
  readonly action: string;
  readonly csrf: string;
  /** On the button that asks, such as "Pause". */
  readonly label: string;
  /** Which one, for those who hear the button without its row. @default "" */
  readonly of?: string;
  /** What will happen, in a sentence or two. */
  readonly text: string | Html;
  /** On the button that does it, such as "Pause ci-bot". */
  readonly confirm: string;
  /** @default none */
  readonly fields?: Readonly<Record<string, string>>;
  /** More for the form, such as a choice. @default nothing */
  readonly inputs?: Html;
  /** Class of the button that asks. @default "" */
  readonly className?: "" | "primary";
  /** Whether it cannot be taken back. @default false */
  readonly isFinal?: boolean;
}

/** A button that asks, and its question. */
export function ask(question: Question): Html {
  const { action, csrf, label, of = "", text, confirm, fields = {}, inputs, className = "" } = question;
  const isFinal = question.isFinal === true;
  const id = idOf(question);
  // What cannot be taken back is not done by pressing Enter twice.
  return html`<button type="button" class="${className}" popovertarget="${id}">
      ${label}…${of === "" ? "" : html`<span class="sr"> ${of}</span>`}
    </button>
    <div popover id="${id}" class="ask" role="dialog" aria-label="${confirm}">
      <form method="post" action="${action}">
        <input type="hidden" name="_csrf" value="${csrf}" />
        ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
        <p>${text}</p>
        ${inputs ?? ""}
        <p class="choices">
          <button class="${isFinal ? "danger" : "primary"}" ${isFinal ? "" : html`autofocus`}>
            ${confirm}
          </button>
          <button
            type="button"
            popovertarget="${id}"
            popovertargetaction="hide"
            ${isFinal ? html`autofocus` : ""}
          >
            Cancel
          </button>
        </p>
      </form>
    </div>`;
}

/** Different for each question of a page, and the same when the page is made again. */
function idOf({ action, label, fields = {} }: Question): string {
  return `ask-${[action, label, ...Object.values(fields)].join("-").replace(/[^A-Za-z0-9_.-]+/g, "-")}`;
}
