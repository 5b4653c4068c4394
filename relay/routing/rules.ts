/**
 * The rules of a target, compiled: which events pass. An absent rule lets everything pass, and each rule that is there has to.
 *
 * - `events`: one of the names that the event goes by (namesOf() in lib/events.ts). `job` and `build` mean the same.
 * - `instances`: names of the settings, judged by the credential that the event came with.
 * - `projects`, `branches`, `actions`, `labels`: lists of patterns, see patterns.ts. Events that have no branch, no action or
 *   no labels at all, as a push has no labels, are not judged by them. A merge request without labels has an empty list.
 *   A branch of a fork is no branch of the project: no pattern fits it, neither one that lists nor one that leaves out.
 * - `when`: an expression, see expression.ts. Where the payload lacks what it asks for, the event does not pass.
 */
import { messageOf } from "../../lib/errors.ts";
import { namesOf } from "../../lib/events.ts";
import { list, object } from "../../lib/json.ts";
import { instanceOf, type EventMeta } from "../event/event.ts";
import { branchOf, isOnForeignBranch } from "../event/ref.ts";
import type { RuleSettings } from "../targets/rules.ts";
import { compileExpression, scopeOf } from "../expressions/expression.ts";
import { globMatcher, labelMatcher, projectMatcher, splitPatterns, wordMatcher } from "../event/patterns.ts";

export interface Rules {
  /** By metadata alone. */
  readonly passesMeta: (meta: EventMeta) => boolean;
  /** By the payload; null if no rule looks at it. */
  readonly passesBody: ((meta: EventMeta, body: unknown) => boolean) | null;
  /** Every rule that stops the event, for an operator's eyes; empty: it passes. */
  readonly stoppedBy: (meta: EventMeta, body: unknown) => readonly StoppingRule[];
}

export interface StoppingRule {
  /** Name of the setting, such as `branches`. */
  readonly rule: string;
  /** What the event has there. */
  readonly text: string;
}

interface Rule {
  readonly name: string;
  readonly passes: (meta: EventMeta, body: unknown) => boolean;
  /** What the event has in this place. */
  readonly has: (meta: EventMeta, body: unknown) => string;
}

/** Told of a `when` that could not be evaluated. */
export type OnRuleError = (meta: EventMeta, expression: string, error: unknown) => void;

export function compileRules(config: RuleSettings, onError: OnRuleError): Rules {
  const meta = metaRules(config);
  const body = bodyRules(config, onError);
  return {
    passesMeta: (event) => meta.every(({ passes }) => passes(event, null)),
    passesBody:
      body.length === 0 ? null : (event, payload) => body.every(({ passes }) => passes(event, payload)),
    stoppedBy: (event, payload) =>
      [...meta, ...body]
        .filter(({ passes }) => !passes(event, payload))
        .map(({ name, has }) => ({ rule: name, text: has(event, payload) })),
  };
}

function metaRules(config: RuleSettings): Rule[] {
  const rules: Rule[] = [];
  if (config.events !== undefined) {
    const passes = eventMatcher(config.events);
    rules.push({ name: "events", passes, has: (meta) => `the event is ${listed([...namesOf(meta)])}` });
  }
  if (config.instances !== undefined) {
    const fits = wordMatcher(config.instances);
    rules.push({
      name: "instances",
      passes: (meta) => fits(instanceOf(meta)),
      has: (meta) => `it is from the GitLab "${instanceOf(meta)}"`,
    });
  }
  if (config.projects !== undefined) {
    const fits = projectMatcher(config.projects);
    rules.push({
      name: "projects",
      passes: (meta) => fits(meta.projectId, meta.projectPath),
      has: ({ projectId, projectPath }) =>
        projectId === null && projectPath === null
          ? "the event names no project"
          : `its project is ${listed([projectPath, projectId].filter((one) => one !== null))}`,
    });
  }
  if (config.branches !== undefined) {
    const fits = globMatcher(config.branches);
    const listsNone = splitPatterns(config.branches).wanted.length === 0;
    rules.push({
      name: "branches",
      passes(meta) {
        const branch = branchOf(meta);
        if (branch === null) return listsNone || !isOnForeignBranch(meta);
        return branch === "" || fits(branch);
      },
      has(meta) {
        const branch = branchOf(meta);
        return branch === null ? "it comes from a branch of a fork" : `its branch is "${branch}"`;
      },
    });
  }
  if (config.actions !== undefined) {
    const fits = wordMatcher(config.actions);
    rules.push({
      name: "actions",
      passes: (meta) => meta.action === null || fits(meta.action),
      has: (meta) => `its action is "${meta.action}"`,
    });
  }
  return rules;
}

function bodyRules(config: RuleSettings, onError: OnRuleError): Rule[] {
  const rules: Rule[] = [];
  if (config.labels !== undefined) {
    const fits = labelMatcher(config.labels);
    rules.push({
      name: "labels",
      passes(_meta, body) {
        const labels = labelsOf(body);
        return labels === null || fits(labels);
      },
      has(_meta, body) {
        const labels = labelsOf(body) ?? [];
        return labels.length === 0 ? "it has no labels" : `its labels are ${listed(labels)}`;
      },
    });
  }
  if (config.when !== undefined) rules.push(whenRule(config.when, onError));
  return rules;
}

function whenRule(text: string, onError: OnRuleError): Rule {
  const compiled = compileExpression(text, "bool");
  if ("problem" in compiled) throw new SyntaxError(`when: ${compiled.problem}`);
  const { expression } = compiled;
  const valueFor = (meta: EventMeta, body: unknown): boolean => {
    const value = expression.evaluate(scopeOf(meta, body));
    if (typeof value === "boolean") return value;
    throw new TypeError("is neither true nor false");
  };
  return {
    name: "when",
    passes(meta, body) {
      try {
        return valueFor(meta, body);
      } catch (error) {
        onError(meta, expression.text, error);
        return false;
      }
    },
    has(meta, body) {
      try {
        return `the expression is ${valueFor(meta, body)}`;
      } catch (error) {
        return `the expression fails: ${messageOf(error).split("\n")[0]}`;
      }
    },
  };
}

/** Names in a sentence; of many the first. */
function listed(names: readonly (string | number)[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => `"${String(name).slice(0, MAX_NAME)}"`);
  return names.length > shown.length ? `${shown.join(", ")} and others` : shown.join(", ");
}

const MAX_LISTED = 10;
const MAX_NAME = 255;

/** Whether an event has one of these names. */
export function eventMatcher(
  names: readonly string[],
): (meta: Pick<EventMeta, "header" | "kind" | "eventName">) => boolean {
  const wanted = new Set(names.map((name) => (name === "job" ? "build" : name)));
  return (meta) => {
    const { kind, eventName } = meta;
    if ((kind !== null && wanted.has(kind)) || (eventName !== null && wanted.has(eventName))) return true;
    for (const name of namesOf(meta)) if (wanted.has(name)) return true;
    return false;
  };
}

/** Titles of the labels of an issue or merge request, or of what a comment is on; null if the payload has no such list. */
export function labelsOf(body: unknown): string[] | null {
  const payload = object(body);
  const places = [
    payload["labels"],
    object(payload["object_attributes"])["labels"],
    object(payload["merge_request"])["labels"],
    object(payload["issue"])["labels"],
  ];
  const found = places.find((place) => Array.isArray(place));
  if (found === undefined) return null;
  return list(found)
    .map((label) => object(label)["title"])
    .filter((title) => typeof title === "string");
}
