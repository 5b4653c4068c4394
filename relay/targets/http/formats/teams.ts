/**
 * Microsoft Teams, for a workflow that begins "when a Teams webhook request is received": a message with one Adaptive Card 1.2. A
 * RichTextBlock shows text as it is, where a TextBlock would read markdown.
 */
import { jsonFormat } from "./format.ts";

export const teams = jsonFormat(({ sentence, url, project }) => {
  const told = { type: "TextRun", text: sentence };
  const place = { type: "TextRun", text: `${project.path ?? ""}\n`, weight: "Bolder" };
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.2",
    body: [{ type: "RichTextBlock", inlines: project.path === null ? [told] : [place, told] }],
    actions: url === null ? [] : [{ type: "Action.OpenUrl", title: "Open in GitLab", url }],
  };
  return {
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", contentUrl: null, content }],
  };
});
