/**
 * Which targets get an event: the rules of relay.yaml, compiled once per configuration, applied after the event is stored.
 *
 * A target gets an event where all of its rules let it pass; an absent rule lets everything pass.
 * - `enabled`, and after it the overrides of the event's project, in order: the last one that names the target wins.
 * - `events`: one of the names is the event's object_kind, event_name or event_type, or the kind that its header stands for
 *   (`member`, `confidential_issue` ...). `job` and `build` mean the same.
 * - `projects`: see projectMatcher.
 * - `branches`: see branchMatcher.
 */
import picomatch from "picomatch";
import { branchOf, eventFacts } from "../../lib/events.ts";
import type { Config, TargetConfig } from "../config.ts";
import type { EventMeta } from "../event.ts";
import type { Route, Router } from "../queue/queue.ts";

export type ProjectPattern = string | number;

type Rule = (meta: EventMeta) => boolean;

interface CompiledTarget {
  readonly name: string;
  readonly enabled: boolean;
  readonly ordering: TargetConfig["ordering"];
  readonly rules: readonly Rule[];
}

interface CompiledOverride {
  readonly applies: Rule;
  readonly enabled: ReadonlyMap<string, boolean>;
}

export interface RoutingConfig {
  readonly targets: Config["targets"];
  readonly overrides: Config["overrides"];
}

/** A router for these settings; it reads metadata alone and never loads a body. */
export function createRouter(config: RoutingConfig): Router {
  const targets = Object.entries(config.targets).map(([name, target]) => compileTarget(name, target));
  const overrides = config.overrides.map((entry): CompiledOverride => {
    const applies = projectMatcher(entry.projects);
    return {
      applies: (meta) => applies(meta.projectId, meta.projectPath),
      enabled: new Map(Object.entries(entry.targets).map(([name, change]) => [name, change.enabled])),
    };
  });
  return function route(meta): readonly Route[] {
    const inForce = overrides.filter((override) => override.applies(meta));
    const routes: Route[] = [];
    for (const target of targets) {
      const enabled = inForce.reduce((on, o) => o.enabled.get(target.name) ?? on, target.enabled);
      if (enabled && target.rules.every((passes) => passes(meta))) {
        routes.push({ target: target.name, lane: target.ordering === "project" ? laneOf(meta) : null });
      }
    }
    return routes;
  };
}

function compileTarget(name: string, target: TargetConfig): CompiledTarget {
  const rules: Rule[] = [];
  if (target.events !== undefined) {
    const wanted = eventMatcher(target.events);
    rules.push(wanted);
  }
  if (target.projects !== undefined) {
    const fits = projectMatcher(target.projects);
    rules.push((meta) => fits(meta.projectId, meta.projectPath));
  }
  if (target.branches !== undefined) {
    const fits = branchMatcher(target.branches);
    rules.push((meta) => fits(meta.ref));
  }
  return { name, enabled: target.enabled, ordering: target.ordering, rules };
}

/** The lane of an ordered target: one per project, else one per group, else one for all that belongs to neither. */
export function laneOf(meta: Pick<EventMeta, "projectId" | "groupId">): string {
  if (meta.projectId !== null) return `p${meta.projectId}`;
  return meta.groupId === null ? "other" : `g${meta.groupId}`;
}

/** Whether an event has one of these names. */
export function eventMatcher(
  names: readonly string[],
): (meta: Pick<EventMeta, "header" | "kind" | "eventName">) => boolean {
  const wanted = new Set(names.map((name) => (name === "job" ? "build" : name)));
  return ({ header, kind, eventName }) => {
    if ((kind !== null && wanted.has(kind)) || (eventName !== null && wanted.has(eventName))) return true;
    const row = eventFacts(header, { object_kind: kind, event_name: eventName }).row;
    return row !== null && wanted.has(row.kind);
  };
}

/**
 * Whether a project fits a list of globs of its path (case does not matter, as in GitLab) and ids. First what is listed, then
 * without what stands behind `!`; a list of `!` alone means all but these. An event that names no project fits only such a list.
 */
export function projectMatcher(
  patterns: readonly ProjectPattern[],
): (id: number | null, path: string | null) => boolean {
  const split = splitPatterns(patterns);
  const [wanted, unwanted] = [compileProjects(split.wanted), compileProjects(split.unwanted)];
  return (id, path) => (split.wanted.length === 0 || wanted(id, path)) && !unwanted(id, path);
}

function compileProjects(
  patterns: readonly ProjectPattern[],
): (id: number | null, path: string | null) => boolean {
  const ids = new Set(patterns.filter(isId).map(Number));
  const globs = patterns.filter((p): p is string => !isId(p));
  const matches = picomatch(globs, { nocase: true, dot: true, nonegate: true });
  return (id, path) =>
    (id !== null && ids.has(id)) || (globs.length > 0 && path !== null && path !== "" && matches(path));
}

/** A path always has a slash, so that digits alone can only be an id. */
function isId(pattern: ProjectPattern): boolean {
  return typeof pattern === "number" || /^\d+$/.test(pattern);
}

/**
 * Whether a ref's branch fits a list of globs (`*` stops at a slash, case matters), with `!` as in projectMatcher. Events
 * without a branch, such as tags and member events, always pass.
 */
export function branchMatcher(patterns: readonly string[]): (ref: string | null) => boolean {
  const split = splitPatterns(patterns);
  const options = { dot: true, nonegate: true };
  const [wanted, unwanted] = [picomatch(split.wanted, options), picomatch(split.unwanted, options)];
  return (ref) => {
    const branch = branchOf(ref);
    if (branch === null || branch === "") return true;
    if (split.wanted.length > 0 && !wanted(branch)) return false;
    return split.unwanted.length === 0 || !unwanted(branch);
  };
}

/** `!(a|b)` is a glob of its own, not a negation. */
function splitPatterns<P extends ProjectPattern>(
  patterns: readonly P[],
): { wanted: P[]; unwanted: string[] } {
  const wanted: P[] = [];
  const unwanted: string[] = [];
  for (const pattern of patterns) {
    if (typeof pattern === "string" && /^!(?!\()/.test(pattern)) unwanted.push(pattern.slice(1));
    else wanted.push(pattern);
  }
  return { wanted, unwanted };
}
