/** The thread in which the rules of projects' own files are read and applied, one request after another; started by rules-thread.ts. */
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../lib/errors.ts";
import { readProjectRules, type ProjectRules } from "./project-rules.ts";
import type { RulesAnswer, RulesRequest } from "./rules-thread.ts";

/** Files whose compiled rules are kept; the one used longest ago goes first. */
const MAX_FILES = 200;

const port = parentPort as NonNullable<typeof parentPort>;
const files = new Map<string, ProjectRules>();

function rulesOf(text: string): ProjectRules {
  const rules = files.get(text) ?? readProjectRules(text);
  files.delete(text);
  files.set(text, rules);
  const [oldest] = files.keys();
  if (files.size > MAX_FILES && oldest !== undefined) files.delete(oldest);
  return rules;
}

function answerTo(request: RulesRequest): RulesAnswer {
  try {
    const rules = rulesOf(request.text);
    if (request.type === "read") return { type: "read", targets: rules.targets };
    return { type: "judged", ...rules.judge(request.target, request.meta, request.body) };
  } catch (error) {
    return { type: "failed", error: messageOf(error) };
  }
}

port.on("message", (request: RulesRequest) => port.postMessage(answerTo(request)));
