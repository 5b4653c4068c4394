/** Discord's webhooks: one embed, with a title of at most 256 characters. `allowed_mentions` lets nothing call anybody. */
import { cut } from "../../../../lib/cut.ts";
import { jsonFormat } from "./format.ts";

/** Room is left for the word that it was cut. */
const MAX_TITLE = 220;

/** Markdown, of which Discord reads most in a description. */
const escaped = (text: string): string => text.replace(/[\\*_~`|>[\]()#@<:-]/g, "\\$&");

export const discord = jsonFormat(({ sentence, url, project, receivedAt }) => ({
  allowed_mentions: { parse: [] },
  embeds: [
    {
      title: cut(project.path ?? "GitLab", MAX_TITLE),
      description: escaped(sentence),
      timestamp: receivedAt,
      ...(url === null ? {} : { url }),
    },
  ],
}));
