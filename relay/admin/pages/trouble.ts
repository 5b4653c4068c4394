/** In place of a page whose storage does not answer: what fails, in words. It asks again by itself. */
import { html } from "hono/html";
import type { Html } from "./html.ts";
import type { Check } from "../../queue/queue.ts";

export function troublePage(message: string, checks: readonly Check[]): Html {
  return html`<section class="panel">
    <h1 class="lead bad">The storage does not answer</h1>
    <p>${message}</p>
    <ul class="checks">
      ${checks
        .filter((check) => !check.ok)
        .map(
          (check) => html`<li><strong>${check.name}</strong> <span class="muted">${check.detail}</span></li>`,
        )}
    </ul>
    <p class="muted">Until it does, webhooks get 503. This page tries again every few seconds.</p>
  </section>`;
}
