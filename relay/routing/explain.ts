/** Whether a target would get an event, and every rule that stops it: what routing decides, in words for an operator. */
import type { Config } from "../config/schema.ts";
import type { EventMeta } from "../event/event.ts";
import { parsedBody } from "../event/parsed-body.ts";
import type { TargetSettings } from "../targets/registry.ts";
import { overrideMatcher, rulesInForce, type ProjectNarrowing } from "./route.ts";
import { compileRules, type StoppingRule } from "./rules.ts";

export interface Explanation {
  /** Whether the target would get the event, by the rules of now. */
  readonly gets: boolean;
  /** Empty if it would. A rule of the project's own file is called `project-file`. */
  readonly stoppedBy: readonly StoppingRule[];
  /** Overrides whose rules took the place of the target's own, by their place in the settings. */
  readonly overrides: readonly number[];
}

export interface RoutingQuestion {
  readonly name: string;
  /** The target's, which need not be in force. */
  readonly settings: TargetSettings;
  readonly overrides: Config["overrides"];
  readonly meta: EventMeta;
  readonly body: Uint8Array;
}

/** @param narrowing the projects' own files; null: they have no say */
export async function explainRouting(
  asked: RoutingQuestion,
  narrowing: ProjectNarrowing | null,
): Promise<Explanation> {
  const { name, settings, overrides, meta, body } = asked;
  const inForce = overrides.flatMap((entry, i) => {
    const isFor = Object.hasOwn(entry.targets, name);
    return isFor && overrideMatcher(entry)(meta) ? [i] : [];
  });
  const rules = rulesInForce(settings, name, overrides, inForce);
  const payload = parsedBody(body);
  const stoppedBy = [
    ...(rules.enabled ? [] : [{ rule: "enabled", text: "the target is switched off for this project" }]),
    ...compileRules(rules, () => {}).stoppedBy(meta, payload),
    ...stoppedByTwin(asked),
    ...(await stoppedByProject(asked, narrowing)),
  ];
  return { gets: stoppedBy.length === 0, stoppedBy, overrides: inForce };
}

function stoppedByTwin({ name, meta: { twin } }: RoutingQuestion): StoppingRule[] {
  return twin?.targets.includes(name) === true
    ? [{ rule: "twin", text: `the target got the same event of another hook, ${twin.of}` }]
    : [];
}

async function stoppedByProject(
  { name, meta, body }: RoutingQuestion,
  narrowing: ProjectNarrowing | null,
): Promise<StoppingRule[]> {
  const own = (await narrowing?.(meta))?.get(name);
  if (own === undefined) return [];
  if (!own.enabled) return [{ rule: "project-file", text: "the project's own file switches the target off" }];
  const passes = own.passes === null || (await own.passes(meta, () => Promise.resolve(body)));
  return passes ? [] : [{ rule: "project-file", text: "the rules of the project's own file stop it" }];
}
