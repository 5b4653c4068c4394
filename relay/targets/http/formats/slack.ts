/**
 * Slack's incoming webhooks: `text` for notifications, and one section of mrkdwn with at most 3000 characters. `&`, `<` and `>` are its
 * control characters (`<!channel>` would call everybody): escaped, they are text.
 */
import { cut } from "../../../../lib/cut.ts";
import { jsonFormat } from "./format.ts";

/** An escaped character has five at most. */
const MAX_SENTENCE = 500;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export const slack = jsonFormat(({ sentence, url }) => {
  const text = escaped(cut(sentence, MAX_SENTENCE));
  const link = url === null ? "" : `\n<${url.replaceAll("|", "%7C").replaceAll(">", "%3E")}|Open in GitLab>`;
  return { text, blocks: [{ type: "section", text: { type: "mrkdwn", text: `${text}${link}` } }] };
});
