/** What to do as long as no webhook has arrived. */
import { html } from "hono/html";
import type { Html } from "./html.ts";

/** @param secretFile the file with the secret token that the relay made for itself; null if the settings have one */
export function firstSteps(webhookUrl: string, secretFile: string | null): Html {
  const token = secretFile === null ? "$GITLAB_WEBHOOK_SECRET" : `$(cat ${secretFile})`;
  return html`<div class="empty">
    <p>No webhook has arrived yet. In GitLab, under Settings, Webhooks, add</p>
    <pre tabindex="0">${webhookUrl}</pre>
    <p>with the secret token that this relay expects, or try it from a shell:</p>
    <pre tabindex="0">
curl -X POST ${webhookUrl} \\
  -H "X-Gitlab-Token: ${token}" -H "X-Gitlab-Event: Push Hook" \\
  -d '{"object_kind":"push","ref":"refs/heads/main","user_username":"alice"}'</pre>
  </div>`;
}
