/**
 * Mattermost's incoming webhooks: one attachment, whose title is plain text and a link. `@channel` and other mentions are broken by a
 * character without width, wherever Mattermost would look for them.
 */
import { jsonFormat } from "./format.ts";

const withoutMentions = (text: string): string => text.replaceAll("@", "@\u200b");

export const mattermost = jsonFormat(({ sentence, url, project }) => {
  const title = withoutMentions(sentence);
  const link = url === null ? {} : { title_link: url };
  const place = project.path === null ? {} : { footer: withoutMentions(project.path) };
  return { attachments: [{ fallback: title, title, ...link, ...place }] };
});
