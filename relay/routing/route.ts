/**
 * Which targets get an event: the rules of relay.yaml, compiled once per configuration, applied after the event is stored.
 *
 * The settings of a target for an event are its own, changed by each override whose projects fit, in their order; the project's
 * own file may narrow the result. Bodies are loaded once, and only where rules of a target that is still in question need them.
 */
import type { Config } from "../config/schema.ts";
import type { TargetSettings } from "../targets/registry.ts";
import { alertTargets } from "../event/alert.ts";
import { instanceOf, type EventMeta, type Twin } from "../event/event.ts";
import { parsedBody } from "../event/parsed-body.ts";
import type { Route, Router } from "../queue/queue.ts";
import type { RuleSettings } from "../targets/rules.ts";
import { own } from "../../lib/json.ts";
import { projectMatcher, wordMatcher } from "../event/patterns.ts";
import { compileRules, type OnRuleError, type Rules } from "./rules.ts";

export interface RoutingConfig {
  readonly targets: Config["targets"];
  readonly overrides: Config["overrides"];
}

/** Belongs to no project and no group. */
const ALERT = { projectId: null, groupId: null };

/** What a project's own file says of a target. */
export interface Narrowing {
  readonly enabled: boolean;
  /** Whether its rules let an event pass; they run elsewhere, as strangers wrote them. Null: it has no rules. */
  readonly passes: ((meta: EventMeta, loadBody: () => Promise<Uint8Array>) => Promise<boolean>) | null;
}

/** The project's own file, by target; null if it has none or says nothing. */
type Own = ReadonlyMap<string, Narrowing> | null;

export type ProjectNarrowing = (meta: EventMeta) => Own | Promise<Own>;

export interface RoutingOptions {
  /** @default errors are not told */
  readonly onRuleError?: OnRuleError;
  /** @default projects have no say */
  readonly narrowing?: ProjectNarrowing;
}

interface Variant {
  readonly enabled: boolean;
  readonly rules: Rules;
}

interface Candidate {
  readonly route: Route;
  readonly rules: Rules;
}

/** A router for these settings. */
export function createRouter(config: RoutingConfig, options: RoutingOptions = {}): Router {
  const onError = options.onRuleError ?? (() => {});
  const targets = Object.entries(config.targets).map(([name, target]) => ({
    name,
    ordering: target.ordering,
    variant: variantsOf(name, target, config.overrides, onError),
  }));
  const applies = config.overrides.map(overrideMatcher);

  const candidates = (meta: EventMeta): Candidate[] => {
    const inForce = applies.flatMap((fits, i) => (fits(meta) ? [i] : []));
    const found: Candidate[] = [];
    for (const { name, ordering, variant } of targets) {
      const { enabled, rules } = variant(inForce);
      if (!enabled || !rules.passesMeta(meta)) continue;
      found.push({ route: { target: name, lane: ordering === "project" ? laneOf(meta) : null }, rules });
    }
    return found;
  };

  const alertRoutes = (names: readonly string[]): Route[] =>
    targets
      .filter(({ name }) => names.includes(name))
      .map(({ name, ordering }) => ({ target: name, lane: ordering === "project" ? laneOf(ALERT) : null }));

  const route: Router = (meta, loadBody) => {
    // Rules are for GitLab's events: alerts go to the targets that they are meant for, and no others.
    const alerted = alertTargets(meta);
    if (alerted !== null) return alertRoutes(alerted);
    const narrowing = options.narrowing?.(meta) ?? null;
    const central = byBody(candidates(meta), meta, loadBody);
    const routes = narrowing === null ? central : narrowed(central, narrowing, meta, loadBody);
    return meta.twin === undefined ? routes : withoutTwin(routes, meta.twin);
  };
  const ordered = new Set(targets.filter(({ ordering }) => ordering === "project").map(({ name }) => name));
  const laneAt = (meta: EventMeta, target: string): string | null =>
    ordered.has(target) ? laneOf(meta) : null;
  return Object.assign(route, { laneOf: laneAt });
}

/** A target that got the other event of the pair does not get this one. */
function withoutTwin(
  routes: readonly Route[] | Promise<readonly Route[]>,
  { targets }: Twin,
): readonly Route[] | Promise<readonly Route[]> {
  const left = (all: readonly Route[]): readonly Route[] =>
    all.filter(({ target }) => !targets.includes(target));
  return routes instanceof Promise ? routes.then(left) : left(routes);
}

/** The routes that the project's own file lets through as well. */
async function narrowed(
  central: readonly Route[] | Promise<readonly Route[]>,
  narrowing: Own | Promise<Own>,
  meta: EventMeta,
  loadBody: () => Promise<Uint8Array>,
): Promise<readonly Route[]> {
  const [routes, ofProject] = await Promise.all([central, narrowing]);
  const left: Route[] = [];
  for (const route of routes) {
    const { enabled = true, passes = null } = ofProject?.get(route.target) ?? {};
    if (enabled && (passes === null || (await passes(meta, loadBody)))) left.push(route);
  }
  return left;
}

function byBody(
  candidates: readonly Candidate[],
  meta: EventMeta,
  loadBody: () => Promise<Uint8Array>,
): readonly Route[] | Promise<readonly Route[]> {
  if (candidates.every(({ rules }) => rules.passesBody === null)) {
    return candidates.map(({ route }) => route);
  }
  return loadBody().then((bytes) => {
    const body = parsedBody(bytes);
    return candidates.filter(({ rules }) => rules.passesBody?.(meta, body) ?? true).map(({ route }) => route);
  });
}

/** Whether an override is for an event. */
export function overrideMatcher({
  instances,
  projects,
}: Config["overrides"][number]): (meta: EventMeta) => boolean {
  const isInstance = wordMatcher(instances ?? []);
  const isProject = projectMatcher(projects);
  return (meta) => isInstance(instanceOf(meta)) && isProject(meta.projectId, meta.projectPath);
}

/** The rules of a target for the projects that these overrides are for, by their place in the settings. */
export function rulesInForce(
  target: TargetSettings,
  name: string,
  overrides: Config["overrides"],
  inForce: readonly number[],
): RuleSettings & { readonly enabled: boolean } {
  const changes = inForce.map((i) => own(overrides[i]?.targets ?? {}, name) ?? {});
  return Object.assign({}, target, ...changes) as RuleSettings & { readonly enabled: boolean };
}

/** The settings of a target by which overrides are in force; each combination is compiled once. */
function variantsOf(
  name: string,
  target: TargetSettings,
  overrides: Config["overrides"],
  onError: OnRuleError,
): (inForce: readonly number[]) => Variant {
  const compiled = new Map<string, Variant>();
  const relevant = new Set(overrides.flatMap((o, i) => (Object.hasOwn(o.targets, name) ? [i] : [])));
  return (inForce) => {
    const inOwn = inForce.filter((i) => relevant.has(i));
    const key = inOwn.join();
    let variant = compiled.get(key);
    if (variant === undefined) {
      const settings = rulesInForce(target, name, overrides, inOwn);
      variant = { enabled: settings.enabled, rules: compileRules(settings, onError) };
      compiled.set(key, variant);
    }
    return variant;
  };
}

/**
 * The lane of an ordered target: one per project, else one per group, else one for all that belongs to neither. Ids are those of one
 * GitLab: each has lanes of its own.
 */
export function laneOf({
  instanceName,
  projectId,
  groupId,
}: Pick<EventMeta, "instanceName" | "projectId" | "groupId">): string {
  const place = projectId !== null ? `p${projectId}` : groupId === null ? "other" : `g${groupId}`;
  return instanceName === undefined ? place : `${instanceName}/${place}`;
}
