/** One event: what it is in words, what happened to it step by step, its headers and its body, and what can be done about it. */
import { html, raw } from "hono/html";
import { MASK } from "../../../lib/log.ts";
import type { EventMeta } from "../../event/event.ts";
import type { Delivery } from "../../queue/delivery-state.ts";
import type { Duplicates } from "../../queue/queue.ts";
import type { AuditEntry } from "../../storage/audit-trail.ts";
import { auditOfEvent } from "./audit.ts";
import { eventActions, type EventActions } from "./event-actions.ts";
import { curlCommand, type CurlOptions } from "./curl.ts";
import { duration, pill, size, when, withTimes, type Html } from "./html.ts";
import type { Masking } from "./masking.ts";
import { maskFields, prettyTokens } from "./pretty.ts";
import { timeline, type Step } from "./timeline.ts";
import { exchangeView } from "./exchange.ts";
import { factsList } from "./facts.ts";
import { foldSteps, type FoldedStep } from "./fold.ts";
import { linkOf } from "../../event/link.ts";
import { isObject, jsonOrNull } from "../../../lib/json.ts";
import { sentence, type Json } from "../../event/sentence.ts";

/** Of larger bodies the page shows the beginning; the download has all of it. */
const SHOWN_BYTES = 131_072;
/** Characters of markup that the indented body takes; thousands of levels, or of numbers, would take a hundred times their own size. */
const MAX_MARKUP = 1_000_000;
/** Of larger bodies the curl command takes a file. */
const INLINE_BYTES = 8192;
const PARSED_BYTES = 2_000_000;

export interface EventView extends EventActions {
  readonly duplicates: Duplicates | null;
  readonly body: Uint8Array | null;
  readonly mayReadBody: boolean;
  readonly now: number;
  /** Where webhooks go, and the file with their secret; null: the settings have it. */
  readonly webhookUrl: string;
  readonly secretFile: string | null;
  /** What a waiting delivery waits for, in words. */
  readonly waitsFor: (delivery: Delivery) => string;
  /** What people did to it, newest first. */
  readonly actions: readonly AuditEntry[];
  readonly masking: Masking;
}

export function eventPage(view: EventView): Html {
  const { event, masking } = view;
  const { meta } = event;
  const headers = meta.headers.map(([name, value]) => [name, masking.received(name, value)] as const);
  const path = `/events/${meta.id}`;
  return html`<div class="title">
      <div>
        <p class="crumb"><a href="/events" rel="up">Events</a></p>
        <h1>${eventTitle(view)}</h1>
        <p class="sub" id="state" data-live>
          ${pill(event.state)} received ${when(meta.receivedAt)} <code>${meta.id}</code>
        </p>
        <p class="sub">
          ${copyButton("Copy id", meta.id)}
          ${meta.deliveryId === null ? "" : copyButton("Copy delivery id", meta.deliveryId)}
          ${openInGitLab(view)}
        </p>
      </div>
      <div class="side">${eventActions(view)}</div>
    </div>
    <div class="columns">
      <section>
        <h2>What happened</h2>
        <ol class="timeline" id="timeline" data-live>
          ${foldSteps(timeline(event, view.waitsFor)).map((step) => stepItem(step, view))}
        </ol>
      </section>
      <section>
        <h2>Facts</h2>
        ${factsList(view)}
      </section>
    </div>
    ${auditOfEvent(view.actions)}
    <section>
      <div class="title">
        <h2>Body <span class="muted">${size(meta.bodyBytes)}</span></h2>
        <p class="side">
          ${view.mayReadBody ? html`<a class="button" href="${path}/preview">Who gets it</a>` : ""}
          <button type="button" class="copy" data-copy="curl" hidden>Copy as curl</button>
          <a class="button" href="/api/v1/events/${meta.id}/body" download>Download</a>
        </p>
      </div>
      ${bodyView(view)}
      <details class="raw">
        <summary>As a curl command</summary>
        <pre id="curl" tabindex="0">${curlCommand(meta, headers, MASK, curlOptions(view))}</pre>
        <p class="muted">${curlNote(view)}</p>
      </details>
    </section>
    <section>
      <h2>Headers <span class="muted">${headers.length}</span></h2>
      ${
        headers.length === 0
          ? html`<p class="empty">None were kept.</p>`
          : html`<dl class="facts mono">
              ${headers.map(
                ([name, value]) =>
                  html`<dt>${name}</dt>
                    <dd>${value}</dd>`,
              )}
            </dl>`
      }
    </section>`;
}

/** A body goes into the command if it is short and holds nothing that is masked. */
function curlOptions({ body, masking, webhookUrl, secretFile }: EventView): CurlOptions {
  const text = body === null || body.length > INLINE_BYTES ? null : Buffer.from(body).toString("utf8");
  const isSecret = (name: string): boolean => masking.isSecret(name);
  const isPlain =
    text !== null &&
    Buffer.from(text, "utf8").equals(body as Uint8Array) &&
    !text.includes("\0") &&
    masking.text(maskFields(text, isSecret)) === text;
  return { url: webhookUrl, secretFile, body: isPlain ? text : null };
}

function curlNote(view: EventView): string {
  const needs = view.secretFile === null ? "Set GITLAB_WEBHOOK_SECRET. " : "";
  const body = curlOptions(view).body === null ? "Save the body beside it with Download. " : "";
  return `${needs}${body}The relay answers "duplicate" while it remembers the delivery id: leave that header out to send a new event.`;
}

function copyButton(label: string, text: string): Html {
  return html`<button type="button" class="copy quiet" data-copy-text="${text}" hidden>${label}</button>`;
}

/** What the event is about, where GitLab shows it. */
function openInGitLab({ event, body }: EventView): Html {
  const link = linkOf(event.meta, parsed(body) ?? {});
  return link === null ? html`` : html`<a href="${link}" rel="noreferrer" target="_blank">Open in GitLab</a>`;
}

/** The event in words, from metadata and body. */
export function eventTitle({ event, body, masking }: Pick<EventView, "event" | "body" | "masking">): string {
  return masking.text(sentence(event.meta, parsed(body)));
}

function parsed(body: Uint8Array | null): Json | null {
  if (body === null || body.length > PARSED_BYTES) return null;
  const value = jsonOrNull(Buffer.from(body).toString("utf8"));
  return isObject(value) ? value : null;
}

function stepItem(step: FoldedStep, { event: { meta }, masking, now }: EventView): Html {
  const startedAt = meta.receivedAt;
  const title = step.name === "attempt" ? attemptsTitle(step) : STEP_WORDS[step.name];
  const replay = step.replay === 0 ? "" : ` (replay ${step.replay})`;
  return html`<li class="${step.outcome}">
    <span class="at"
      >${step.at === null ? "" : step.name === "next" ? nextAt(step.at, now) : offset(step.at - startedAt)}</span
    >
    <div>
      <strong>${title}</strong
      >${step.target === null ? "" : html` <span class="tag">${step.target}${replay}</span>`}
      ${step.status === null ? "" : html` <span class="status">${step.status}</span>`}
      <span>${withTimes(masking.text(step.text), now)}</span>
      ${step.times === 1 || step.lastAt === null ? "" : html` <span class="muted">the last ${offset(step.lastAt - startedAt)}, each took about</span>`}
      ${step.durationMs === null ? "" : html` <span class="muted">${duration(step.durationMs)}</span>`}
      ${step.excerpt === null || step.excerpt === "" ? "" : html`<pre class="excerpt" tabindex="0">${masking.text(step.excerpt)}</pre>`}
      ${exchangeOfStep(step, meta, masking)}
    </div>
  </li>`;
}

/** A time that has passed says nothing: the delivery waits for something else. */
function nextAt(dueAt: number, now: number): Html | "" {
  return dueAt > now ? when(dueAt) : "";
}

function exchangeOfStep(step: FoldedStep, meta: EventMeta, masking: Masking): Html | "" {
  const { exchange, lastAttempt, target, replay, status } = step;
  if (exchange === null || lastAttempt === null || target === null) return "";
  return exchangeView({ exchange, attempt: lastAttempt, target, replay, status, meta, masking });
}

function attemptsTitle({ attempt, lastAttempt, times }: FoldedStep): string {
  return times === 1 ? `attempt ${attempt}` : `attempts ${attempt} to ${lastAttempt}`;
}

const STEP_WORDS: Readonly<Record<Exclude<Step["name"], "attempt">, string>> = {
  received: "received",
  verified: "verified",
  stored: "stored",
  matched: "matched",
  done: "delivered",
  dead: "dead letter",
  next: "next attempt",
  waiting: "sending",
};

function offset(ms: number): string {
  return ms <= 0 ? "+0 ms" : `+${duration(ms)}`;
}

function bodyView({ body, mayReadBody, masking }: EventView): Html {
  if (!mayReadBody) return html`<p class="empty">Your role may not read bodies.</p>`;
  if (body === null || body.length === 0) return html`<p class="empty">The body is empty.</p>`;
  const isSecret = (name: string): boolean => masking.isSecret(name);
  const shown = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, SHOWN_BYTES)).toString(
    "utf8",
  );
  const { markup, isWhole } = indented(masking.text(shown), isSecret);
  const isCut = body.length > SHOWN_BYTES;
  const cut =
    isWhole && !isCut
      ? ""
      : html`<p class="partial">
          ${isCut ? `The first ${size(SHOWN_BYTES)} are shown` : "Only the beginning is indented"}; the
          download has all ${size(body.length)}.
        </p>`;
  return html`${cut}
    <pre class="body" tabindex="0" aria-label="Body, indented">${raw(markup)}</pre>
    <details class="raw">
      <summary>As received</summary>
      <pre class="body" tabindex="0">${masking.text(maskFields(shown, isSecret))}</pre>
    </details>`;
}

/** Coloured and indented, as far as MAX_MARKUP goes. */
function indented(
  text: string,
  isSecret: (name: string) => boolean,
): { readonly markup: string; readonly isWhole: boolean } {
  let markup = "";
  for (const token of prettyTokens(text, isSecret)) {
    if (markup.length > MAX_MARKUP) return { markup: `${markup}…`, isWhole: false };
    markup +=
      token.kind === "space" ? token.text : `<span class="j-${token.kind}">${escape(token.text)}</span>`;
  }
  return { markup, isWhole: true };
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
