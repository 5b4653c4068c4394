/** Routing as the relay runs it: a router for the settings in force, with the projects' own files, and errors of rules in the log. */
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { ProxyEnv } from "../../lib/proxy.ts";
import type { Config } from "../config/schema.ts";
import type { Router } from "../queue/queue.ts";
import { createFileFetcher } from "./project-file-client.ts";
import { explainRouting, type RoutingQuestion, type Explanation } from "./explain.ts";
import { createProjectFiles, type ProjectFiles, type RefusedFile } from "./project-file.ts";
import { explainRules, type ExplainedConfig } from "./reachable.ts";
import { createRouter } from "./route.ts";
import type { OnRuleError } from "./rules.ts";
import { createRulesThread } from "./rules-thread.ts";

/** One expression that fails is told at most so often, in milliseconds. */
const TELL_AGAIN_MS = 60_000;

export interface Routing {
  /** A router for these settings. What is known of projects' files is kept while the settings of that stay the same. */
  routerFor(config: ExplainedConfig & Pick<Config, "projectFile">): Router;
  /** Whether a target would get an event by these settings and by what is known of its project's file. */
  explain(asked: RoutingQuestion): Promise<Explanation>;
  /** Projects whose own file was refused when it was last read; the newest first, empty if projects have no say. */
  refusedFiles(): readonly RefusedFile[];
}

export interface RouterDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Where the proxy variables are. */
  readonly env: ProxyEnv;
}

export function createRouting({ clock, log, env }: RouterDeps): Routing {
  const told = new Map<string, number>();
  const onRuleError: OnRuleError = (meta, expression, error) => {
    const now = clock.monotonic();
    if (now - (told.get(expression) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return;
    told.set(expression, now);
    const reason = messageOf(error).split("\n")[0];
    log.warn("rule.failed", { eventId: meta.id, kind: meta.kind, when: expression, error: reason });
  };
  let settings = "";
  let files: ProjectFiles | null = null;
  return {
    routerFor(config) {
      const { projectFile } = config;
      for (const { path, message } of explainRules(config))
        log.warn("rule.suspicious", { rule: path, error: message });
      const wanted = JSON.stringify(projectFile ?? null);
      if (wanted !== settings) {
        settings = wanted;
        const deps = { clock, log, onRuleError, rules: createRulesThread(clock) };
        files =
          projectFile === undefined
            ? null
            : createProjectFiles(projectFile, {
                ...deps,
                fetchFile: createFileFetcher(projectFile, { clock, env }),
              });
      }
      return createRouter(config, { onRuleError, ...(files === null ? {} : { narrowing: files.narrowing }) });
    },
    explain: (asked) => explainRouting(asked, files?.narrowing ?? null),
    refusedFiles: () => files?.refused() ?? [],
  };
}
