/** The rules by which a target gets events, as settings: of a target, of an override, and of a project's own file. */
import { z } from "zod";
import { nearestEventName } from "../../lib/event-spelling.ts";
import { KNOWN_EVENT_NAMES } from "../../lib/events.ts";
import { globPattern, listOf, projectPattern } from "../../lib/fields.ts";
import { compileExpression } from "../expressions/expression.ts";

const eventName = z.string().refine((name) => KNOWN_EVENT_NAMES.has(name), {
  error: ({ input }) => {
    const right = nearestEventName(String(input));
    const cure = right === null ? "see docs/events.md" : `did you mean "${right}"?`;
    return `is not an event that GitLab sends; ${cure}`;
  },
});

const words = listOf(z.string().min(1));
const globs = listOf(globPattern);

const expression = z.string().superRefine((text, context) => {
  const compiled = compileExpression(text, "bool");
  if ("problem" in compiled) context.addIssue({ code: "custom", message: compiled.problem });
});

const enabled = z.boolean();

const ruleFields = {
  events: listOf(eventName)
    .optional()
    .describe(
      "Events that it gets, by object_kind or event_name, such as [push, merge_request]; default: all",
    ),
  branches: globs
    .optional()
    .describe(
      "Globs of branches, with ! to leave out, such as [main, release/*]; events without a branch pass",
    ),
  actions: words
    .optional()
    .describe(
      "Actions or states, with ! to leave out, such as [open, merge] or [failed]; events without one pass",
    ),
  labels: globs
    .optional()
    .describe(
      "Globs of labels of which the issue or merge request has one, with ! to leave out, such as [backend, !wip]; events that know no labels pass",
    ),
  when: expression
    .optional()
    .describe(
      "CEL expression over event and body, such as body.object_attributes.draft == false; the event passes if it is true",
    ),
};

export const targetName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
  error: "a target's name is 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter or digit",
});

const instances = listOf(z.string().min(1));

export const routingFields = {
  enabled: enabled
    .default(true)
    .describe("Whether the target gets events; the overrides may switch it per project"),
  formerly: z
    .array(targetName)
    .default([])
    .describe("Names that the target had before: what is kept under them moves to it, such as [ci]"),
  instances: instances
    .optional()
    .describe(
      "GitLabs whose events it gets, by their names in instances (default: that of gitlab), with ! to leave out, such as [partner]; default: all",
    ),
  projects: listOf(projectPattern)
    .optional()
    .describe(
      "Projects whose events it gets: globs of path_with_namespace, with ! to leave out, or ids; default: all",
    ),
  ...ruleFields,
};

export const overrideSchema = z.strictObject({
  instances: instances
    .optional()
    .describe("GitLabs that it is for, by their names in instances, with ! to leave out; default: all"),
  projects: listOf(projectPattern).describe("Projects it is for: globs of path_with_namespace or ids"),
  targets: z
    .record(
      z.string(),
      z.strictObject({
        enabled: enabled.optional().describe("Whether the target gets these projects' events"),
        ...ruleFields,
      }),
    )
    .describe("What takes the place of the target's own rules for these projects, by target"),
});

/** What a project's own file may hold: rules that an event has to pass as well. */
export const projectFileSchema = z.strictObject({
  targets: z
    .record(
      z.string(),
      z.strictObject({
        enabled: enabled.default(true).describe("false: the target gets nothing of this project"),
        ...ruleFields,
      }),
    )
    .default({})
    .describe("Further restrictions, by target"),
});

const ruleSettings = z.object(routingFields).omit({ enabled: true, formerly: true });

/** The rules alone, as targets, overrides and projects' own files have them. */
export type RuleSettings = z.output<typeof ruleSettings>;
