/** What an attempt sent to its target and what came back, folded below the attempt. */
import { html } from "hono/html";
import type { EventMeta } from "../../event/event.ts";
import { answerHeaders, sentHeaders, type Exchange, type ShownHeader } from "../../queue/exchange.ts";
import { counted } from "../../../lib/numbers.ts";
import type { Html } from "./html.ts";
import type { Masking } from "./masking.ts";

export interface ExchangeView {
  readonly exchange: Exchange;
  readonly attempt: number;
  readonly target: string;
  readonly replay: number;
  readonly status: number | null;
  /** Of the event that was sent. */
  readonly meta: EventMeta;
  readonly masking: Masking;
}

export function exchangeView(view: ExchangeView): Html {
  const { exchange, attempt, target, replay, status, meta, masking } = view;
  const { request, answer } = exchange;
  return html`<details class="exchange" data-keep="${target} ${replay} ${attempt}">
    <summary>Request and answer<span class="sr"> of attempt ${attempt} to ${target}</span></summary>
    <p><code>${request.method} ${masking.text(request.url)}</code></p>
    ${headerList(sentHeaders(exchange, meta), request.omitted, masking)}
    ${
      answer === null
        ? html`<p class="muted">No answer came.</p>`
        : html`<p><code>${status === null ? "Answer" : `HTTP ${status}`}</code></p>
            ${headerList(answerHeaders(answer), answer.omitted, masking)}`
    }
  </details>`;
}

function headerList(headers: readonly ShownHeader[], omitted: number, masking: Masking): Html {
  return html`${
    headers.length === 0
      ? ""
      : html`<dl class="facts mono">
          ${headers.map(
            ([name, value]) =>
              html`<dt>${name}</dt>
                <dd>${masking.header(name, value)}</dd>`,
          )}
        </dl>`
  }${omitted === 0 ? "" : html`<p class="muted">${counted(omitted, "more header")} did not fit.</p>`}`;
}
