/**
 * The rules of a project's own file, read and applied. What does this runs in its own thread, see rules-thread.ts: the text is a
 * stranger's, and so is what it is applied to.
 */
import { parse } from "yaml";
import type { EventMeta } from "../event/event.ts";
import { parsedBody } from "../event/parsed-body.ts";
import { projectFileSchema } from "../targets/rules.ts";
import { compileRules, type Rules } from "./rules.ts";

/** What the file says of one target. */
export interface TargetRules {
  readonly name: string;
  readonly enabled: boolean;
  readonly hasRules: boolean;
  readonly needsBody: boolean;
}

export interface RuleFailure {
  readonly expression: string;
  readonly error: string;
}

export interface Judgement {
  readonly passes: boolean;
  /** Expressions that could not be evaluated. */
  readonly failures: readonly RuleFailure[];
}

export interface ProjectRules {
  readonly targets: readonly TargetRules[];
  judge(target: string, meta: EventMeta, body: Uint8Array | null): Judgement;
}

/** Throws a SyntaxError with all problems if the text is no valid project file. */
export function readProjectRules(text: string): ProjectRules {
  const parsed = projectFileSchema.safeParse(parse(text, { maxAliasCount: 0 }) ?? {});
  if (!parsed.success) {
    throw new SyntaxError(parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; "));
  }
  let failures: RuleFailure[] = [];
  const compiled = new Map<string, Rules>();
  const targets = Object.entries(parsed.data.targets).map(([name, { enabled, ...settings }]): TargetRules => {
    const rules = compileRules(settings, (_meta, expression, error) => {
      failures.push({ expression, error: error instanceof Error ? error.message : String(error) });
    });
    compiled.set(name, rules);
    const hasRules = Object.keys(settings).length > 0;
    return { name, enabled, hasRules, needsBody: rules.passesBody !== null };
  });
  return {
    targets,
    judge(target, meta, body) {
      failures = [];
      const rules = compiled.get(target);
      const passes =
        rules === undefined ||
        (rules.passesMeta(meta) &&
          (body === null || rules.passesBody === null || rules.passesBody(meta, parsedBody(body))));
      return { passes, failures };
    },
  };
}
