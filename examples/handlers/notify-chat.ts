/**
 * Tells a chat (Slack, Mattermost, Rocket.Chat: anything with incoming webhooks) that a pipeline of the main branch failed.
 *
 *   targets:
 *     chat:
 *       type: module
 *       handler: ./examples/handlers/notify-chat.ts
 *       events: [pipeline]
 *       actions: [failed]
 *       branches: [main]
 *       rateLimit: { requests: 1, perSeconds: 1 }
 *       options: { chatUrl: "${CHAT_WEBHOOK_URL}" }
 */
import type { HandleEvent } from "gitlab-hook-relay/handler";

export const handle: HandleEvent = async function handle(event, ctx) {
  if (event.kind !== "pipeline") throw new ctx.Drop(`a ${event.kind} is no pipeline`);
  const { chatUrl } = ctx.options;
  if (chatUrl === undefined) throw new Error("options.chatUrl is not set");
  const { project, object_attributes: pipeline, user } = event.payload;
  const text = `Pipeline <${pipeline.url}|#${pipeline.id}> of ${project.path_with_namespace} failed on ${pipeline.ref} (${user.name})`;

  const answer = await ctx.step("post", () =>
    fetch(chatUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
      signal: ctx.signal,
    }),
  );
  if (answer.status === 429)
    ctx.retryAfter(Number(answer.headers.get("retry-after") ?? 60), "the chat is busy");
  // A chat that has forgotten the address will not remember it.
  if (answer.status === 404 || answer.status === 410)
    throw new ctx.Drop(`the chat answered ${answer.status}`);
  if (!answer.ok) throw new Error(`the chat answered ${answer.status}`);
};
