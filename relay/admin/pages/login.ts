/** The way in. */
import { html } from "hono/html";
import type { Html } from "./html.ts";

export function loginForm(next: string, problem: string | null): Html {
  return html`<form method="post" action="/login" class="login">
    <h1>Log in</h1>
    ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`}
    <input type="hidden" name="next" value="${next}" />
    <input type="text" name="username" value="admin" autocomplete="username" hidden />
    <label
      >Admin token<input
        type="password"
        name="token"
        autocomplete="current-password"
        required
        autofocus
        ${problem === null ? "" : html`aria-invalid="true"`}
    /></label>
    <button class="primary">Log in</button>
    <p class="muted">
      It is the value of <code>RELAY_ADMIN_TOKEN</code>; without one, the relay made it at its first start and
      keeps it in the file <code>admin-token</code> of its data folder: its first log lines name the place.
    </p>
  </form>`;
}
