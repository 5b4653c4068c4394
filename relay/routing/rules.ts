/**
 * The rules of a target, compiled: which events pass. An absent rule lets everything pass, and each rule that is there has to.
 *
 * - `events`: one of the names that the event goes by (namesOf() in lib/events.ts). `job` and `build` mean the same.
 * - `projects`, `branches`, `actions`, `labels`: lists of patterns, see patterns.ts. Events that have no branch, no action or
 *   no labels at all, as a push has no labels, are not judged by them. A merge request without labels has an empty list.
 *   A branch of a fork is no branch of the project: no pattern fits it, neither one that lists nor one that leaves out.
 * - `when`: an expression, see expression.ts. Where the payload lacks what it asks for, the event does not pass.
 */
import { namesOf } from "../../lib/events.ts";
import { list, object } from "../../lib/json.ts";
import type { EventMeta } from "../event/event.ts";
import { branchOf, isOnForeignBranch } from "../event/ref.ts";
import type { RuleSettings } from "../targets/rules.ts";
import { compileExpression, scopeOf } from "../expressions/expression.ts";
import { globMatcher, labelMatcher, projectMatcher, splitPatterns, wordMatcher } from "../event/patterns.ts";

export interface Rules {
  /** By metadata alone. */
  readonly passesMeta: (meta: EventMeta) => boolean;
  /** By the payload; null if no rule looks at it. */
  readonly passesBody: ((meta: EventMeta, body: unknown) => boolean) | null;
}

/** Told of a `when` that could not be evaluated. */
export type OnRuleError = (meta: EventMeta, expression: string, error: unknown) => void;

export function compileRules(config: RuleSettings, onError: OnRuleError): Rules {
  const meta = metaRules(config);
  const body = bodyRules(config, onError);
  return {
    passesMeta: (event) => meta.every((passes) => passes(event)),
    passesBody: body.length === 0 ? null : (event, payload) => body.every((passes) => passes(event, payload)),
  };
}

function metaRules(config: RuleSettings): ((meta: EventMeta) => boolean)[] {
  const rules: ((meta: EventMeta) => boolean)[] = [];
  if (config.events !== undefined) rules.push(eventMatcher(config.events));
  if (config.projects !== undefined) {
    const fits = projectMatcher(config.projects);
    rules.push((meta) => fits(meta.projectId, meta.projectPath));
  }
  if (config.branches !== undefined) {
    const fits = globMatcher(config.branches);
    const listsNone = splitPatterns(config.branches).wanted.length === 0;
    rules.push((meta) => {
      const branch = branchOf(meta);
      if (branch === null) return listsNone || !isOnForeignBranch(meta);
      return branch === "" || fits(branch);
    });
  }
  if (config.actions !== undefined) {
    const fits = wordMatcher(config.actions);
    rules.push((meta) => meta.action === null || fits(meta.action));
  }
  return rules;
}

function bodyRules(
  config: RuleSettings,
  onError: OnRuleError,
): ((meta: EventMeta, body: unknown) => boolean)[] {
  const rules: ((meta: EventMeta, body: unknown) => boolean)[] = [];
  if (config.labels !== undefined) {
    const fits = labelMatcher(config.labels);
    rules.push((_meta, body) => {
      const labels = labelsOf(body);
      return labels === null || fits(labels);
    });
  }
  if (config.when !== undefined) {
    const compiled = compileExpression(config.when, "bool");
    if ("problem" in compiled) throw new SyntaxError(`when: ${compiled.problem}`);
    const { expression } = compiled;
    rules.push((meta, body) => {
      try {
        const value = expression.evaluate(scopeOf(meta, body));
        if (typeof value === "boolean") return value;
        throw new TypeError("results neither in true nor in false");
      } catch (error) {
        onError(meta, expression.text, error);
        return false;
      }
    });
  }
  return rules;
}

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
