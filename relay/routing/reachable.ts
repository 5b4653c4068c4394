/**
 * Rules that can never match, or that change nothing, explained for an operator before they wonder where the events are. Pure;
 * finds what can be told from the rules alone, and says nothing if it is not certain.
 */
import { EVENTS } from "../../lib/events.ts";
import { own } from "../../lib/json.ts";
import type { Problem } from "../../lib/errors.ts";
import type { Config } from "../config/schema.ts";
import { NOTHING_KNOWN } from "../event/event.ts";
import type { Kind } from "../event/kinds/kind.ts";
import { kindNamed } from "../event/kinds/kinds.ts";
import type { RuleSettings } from "../targets/rules.ts";
import { compileExpression, scopeOf } from "../expressions/expression.ts";
import { globMatcher, isProjectId, projectMatcher, splitPatterns, wordMatcher } from "../event/patterns.ts";
import { foreignActions } from "./actions.ts";
import { eventMatcher } from "./rules.ts";
import {
  actionSpelling,
  branchSpelling,
  projectSpelling,
  starSpelling,
  unwantedStarSpelling,
  type SpellingCheck,
} from "./spelling.ts";

export type ExplainedConfig = Pick<Config, "targets" | "overrides"> & Partial<Pick<Config, "alerts">>;

/** Findings on every rule, each with its place in the settings. */
export function explainRules(config: ExplainedConfig): Problem[] {
  const found: Problem[] = [];
  for (const [name, target] of Object.entries(config.targets)) {
    const path = `targets.${name}`;
    found.push(...explain(path, target));
    const isEnabledSomewhere =
      target.enabled || config.overrides.some((o) => own(o.targets, name)?.enabled === true);
    const isForAlerts = config.alerts?.to.includes(name) ?? false;
    if (!isEnabledSomewhere && !isForAlerts) {
      found.push({ path: `${path}.enabled`, message: "is false, and no override switches the target on" });
    }
  }
  config.overrides.forEach((override, index) => {
    const path = `overrides.${index}`;
    const problem = contradiction(override.projects, (patterns) => matchesProjects(patterns));
    const problems = [
      ...(problem === null ? [] : [problem]),
      ...misspelt(globsOf(override.projects), projectSpelling),
    ];
    found.push(...problems.map((message) => ({ path: `${path}.projects`, message })));
    const ofInstances = contradiction(override.instances ?? [], wordMatcher);
    if (ofInstances !== null) found.push({ path: `${path}.instances`, message: ofInstances });
    for (const [name, rules] of Object.entries(override.targets)) {
      found.push(...explain(`${path}.targets.${name}`, rules));
    }
    for (const name of Object.keys(override.targets)) {
      const later = config.overrides.findIndex(
        (o, i) => i > index && sameEvents(o, override) && hidesAll(o, override, name),
      );
      if (later > index) {
        const message = `changes nothing: overrides.${later} sets the same for the same projects`;
        found.push({ path: `${path}.targets.${name}`, message });
      }
    }
  });
  return found;
}

type Override = Config["overrides"][number];

function sameEvents(a: Override, b: Override): boolean {
  return JSON.stringify([a.instances, a.projects]) === JSON.stringify([b.instances, b.projects]);
}

function hidesAll(later: Override, earlier: Override, name: string): boolean {
  const [over, under] = [own(later.targets, name), own(earlier.targets, name)];
  return over !== undefined && Object.keys(under ?? {}).every((key) => Object.hasOwn(over, key));
}

function explain(path: string, rules: RuleSettings): Problem[] {
  const found: Problem[] = [];
  const say = (rule: string, message: string | null): void => {
    if (message !== null) found.push({ path: `${path}.${rule}`, message });
  };
  const sayAll = (rule: string, messages: readonly string[]): void => {
    for (const message of messages) say(rule, message);
  };
  if (rules.instances !== undefined) say("instances", contradiction(rules.instances, wordMatcher));
  if (rules.projects !== undefined) {
    say("projects", contradiction(rules.projects, matchesProjects));
    sayAll("projects", misspelt(globsOf(rules.projects), projectSpelling));
  }
  if (rules.branches !== undefined) {
    say("branches", contradiction(rules.branches, globMatcher));
    sayAll("branches", misspelt(rules.branches, branchSpelling));
    const { wanted, unwanted } = splitPatterns(rules.branches);
    sayAll("branches", misspelt(wanted, starSpelling));
    sayAll(
      "branches",
      misspelt(
        unwanted.filter((p) => !unwanted.includes(`${p}/**`)),
        unwantedStarSpelling,
      ),
    );
  }
  if (rules.labels !== undefined) say("labels", contradiction(rules.labels, globMatcher));
  if (rules.actions !== undefined) {
    say("actions", contradiction(rules.actions, wordMatcher));
    sayAll("actions", misspelt(rules.actions, actionSpelling({ hasStatus: hasStatus(rules.events) })));
  }
  if (rules.events !== undefined) explainEvents(rules, rules.events, say);
  if (rules.when !== undefined) say("when", explainWhen(rules.when));
  return found;
}

function globsOf(patterns: readonly (string | number)[]): string[] {
  return patterns.filter((pattern): pattern is string => !isProjectId(String(pattern).replace(/^!/, "")));
}

function misspelt(patterns: readonly string[], check: SpellingCheck): string[] {
  return patterns.flatMap((pattern) => check(pattern.replace(/^!(?!\()/, "")) ?? []);
}

const WITH_STATUS: ReadonlySet<string> = new Set(["pipeline", "build", "job", "deployment"]);

function hasStatus(events: readonly string[] | undefined): boolean {
  return events === undefined || events.some((name) => WITH_STATUS.has(name));
}

const matchesProjects = (patterns: readonly (string | number)[]): ((project: string | number) => boolean) => {
  const fits = projectMatcher(patterns);
  return (project) => (isProjectId(project) ? fits(Number(project), null) : fits(null, String(project)));
};

/** Where everything that is listed stands behind `!` as well: nothing is left. */
function contradiction<P extends string | number>(
  patterns: readonly P[],
  matcher: (patterns: readonly P[]) => (value: P) => boolean,
): string | null {
  const { wanted, unwanted } = splitPatterns(patterns);
  if (wanted.length === 0) {
    const all = unwanted.find((pattern) => pattern === "**" || pattern === "*");
    return all === "**" ? `can never match: "!${all}" leaves out everything` : null;
  }
  if (unwanted.length === 0) return null;
  const fits = matcher(patterns);
  // A glob stands for itself here: where even its own text is left out, so is what it matches.
  const isLeftOut = (pattern: P): boolean => unwanted.includes(String(pattern)) || !fits(pattern);
  return wanted.every(isLeftOut)
    ? `can never match: all that is listed is left out by ${unwanted.map((p) => `"!${p}"`).join(", ")}`
    : null;
}

function explainEvents(
  rules: RuleSettings,
  events: readonly string[],
  say: (rule: string, message: string | null) => void,
): void {
  const wanted = eventMatcher(events);
  const rows = EVENTS.filter(
    (row) =>
      row.objectKinds.some((kind) => wanted({ header: row.header, kind, eventName: null })) ||
      row.eventNames.some((eventName) => wanted({ header: row.header, kind: null, eventName })),
  );
  const has = rows.map((row) => kindNamed(row.kind)?.has);
  const listed = events.join(", ");
  const isOne = events.length === 1;
  const [nameNo, haveNo] = isOne ? ["names no", "has no"] : ["name no", "have no"];
  const none = (what: keyof Kind["has"]): boolean => !has.some((kind) => kind?.[what]);
  const hasWantedProjects = rules.projects !== undefined && splitPatterns(rules.projects).wanted.length > 0;
  if (hasWantedProjects && none("project")) {
    say("projects", `can never match: ${listed} ${nameNo} project`);
  } else if (
    hasWantedProjects &&
    none("path") &&
    !splitPatterns(rules.projects ?? []).wanted.some(isProjectId)
  ) {
    say("projects", `can never match: ${listed} ${nameNo} path; list the project's id`);
  }
  if (rules.branches !== undefined && none("branch")) {
    say("branches", `has no effect: ${listed} ${haveNo} branch, and events without one pass`);
  }
  if (rules.labels !== undefined && none("labels")) {
    say("labels", `has no effect: ${listed} ${haveNo} labels, and events without any pass`);
  }
  if (rules.actions !== undefined && none("action")) {
    say("actions", `has no effect: ${listed} ${haveNo} action, and events without one pass`);
  }
  const isRight = (action: string): boolean =>
    actionSpelling({ hasStatus: hasStatus(events) })(action) === null;
  const foreign = foreignActions(
    rows.map((row) => row.kind),
    splitPatterns(rules.actions ?? []).wanted.filter(isRight),
  );
  for (const action of foreign?.foreign ?? [])
    say(
      "actions",
      `"${action}" can never match: ${listed} ${haveNo} such action, only ${foreign?.known.join(", ")}`,
    );
}

/** An expression that looks at nothing says the same for every event. */
function explainWhen(text: string): string | null {
  const compiled = compileExpression(text, "bool");
  if ("problem" in compiled || !compiled.expression.constant) return null;
  const nothing = scopeOf({ ...NOTHING_KNOWN, id: "", receivedAt: 0 }, {});
  let value: unknown;
  try {
    value = compiled.expression.evaluate(nothing);
  } catch {
    return "can never match: it fails for every event";
  }
  return value === true
    ? "has no effect: it is true for every event"
    : "can never match: it is false for every event";
}
