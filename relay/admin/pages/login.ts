/** The way in. */
import { html } from "hono/html";
import type { Html } from "./html.ts";

export interface LoginView {
  readonly next: string;
  readonly problem: string | null;
  /** Text of the way to the identity provider; null: there is none. */
  readonly signIn: string | null;
}

export function loginForm({ next, problem, signIn }: LoginView): Html {
  return html`<form method="post" action="/login" class="login">
    <h1>Log in</h1>
    ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`}
    ${
      signIn === null
        ? ""
        : html`<a class="button primary" href="/login/begin?next=${encodeURIComponent(next)}">${signIn}</a>`
    }
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
      The value of <code>RELAY_ADMIN_TOKEN</code>. Without one, the relay generated a token at its first
      start; it is in the file <code>admin-token</code> of the data folder, and the first log lines say where
      that is.
    </p>
  </form>`;
}
