/**
 * The rules of projects' own files, away from the main thread and with a time limit: a file that runs out of it costs the thread, not the
 * relay. Requests go to the thread one at a time, so that the limit is each one's own.
 */
import { Worker } from "node:worker_threads";
import { isBuilt } from "../../lib/built.ts";
import type { Clock } from "../../lib/clock.ts";
import type { EventMeta } from "../event/event.ts";
import type { Judgement, TargetRules } from "./project-rules.ts";

/** Longest time that one request may take, in milliseconds; the rules themselves have a budget far below it. */
const RULES_TIME_MS = 5_000;
/** The first request also waits for the thread to start. */
const START_MS = 15_000;
const MEMORY_MB = 256;

export type RulesRequest =
  | { readonly type: "read"; readonly text: string }
  | {
      readonly type: "judge";
      readonly text: string;
      readonly target: string;
      readonly meta: EventMeta;
      readonly body: Uint8Array | null;
    };

export type RulesAnswer =
  | { readonly type: "read"; readonly targets: readonly TargetRules[] }
  | ({ readonly type: "judged" } & Judgement)
  | { readonly type: "failed"; readonly error: string };

/** The file ran out of time or memory: it may not be tried again. */
export class RulesTooExpensiveError extends Error {
  override readonly name = "RulesTooExpensiveError";
}

/** Where the rules of projects' own files run. */
export interface RulesRunner {
  /** Rejects with a SyntaxError for a file that is not valid, with a RulesTooExpensiveError beyond the limits. */
  read(text: string): Promise<readonly TargetRules[]>;
  judge(request: Omit<RulesRequest & { type: "judge" }, "type">): Promise<Judgement>;
}

/** @param program the thread's program; @default this folder's */
export function createRulesThread(clock: Clock, program: URL = programUrl()): RulesRunner {
  let worker: Worker | null = null;
  /** Whether the thread has answered yet. */
  let isUp = false;
  let last: Promise<unknown> = Promise.resolve();

  function start(): Worker {
    isUp = false;
    const started = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB } });
    // It may also end between two requests; the next one starts another.
    started.on("error", () => {});
    started.on("exit", () => {
      if (worker === started) worker = null;
    });
    started.unref();
    return started;
  }

  async function end(): Promise<void> {
    const ending = worker;
    worker = null;
    await ending?.terminate();
  }

  function ask(request: RulesRequest): Promise<RulesAnswer> {
    const thread = (worker ??= start());
    return new Promise<RulesAnswer>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        timer.cancel();
        thread.off("message", answered).off("error", failed).off("exit", ended);
        settle();
      };
      const giveUp = (why: string): void => {
        finish(() => void end().then(() => reject(new RulesTooExpensiveError(why))));
      };
      const answered = (answer: RulesAnswer): void => {
        isUp = true;
        finish(() => resolve(answer));
      };
      const failed = (error: Error): void => giveUp(`its rules ended the thread: ${error.message}`);
      const ended = (): void => giveUp("its rules ended the thread");
      const limit = isUp ? RULES_TIME_MS : START_MS;
      const timer = clock.after(limit, () => giveUp(`its rules took longer than ${limit / 1000} s`));
      thread.on("message", answered).on("error", failed).on("exit", ended);
      thread.postMessage(request);
    });
  }

  function queued(request: RulesRequest): Promise<RulesAnswer> {
    const answer = last.then(() => ask(request));
    last = answer.catch(() => {});
    return answer;
  }

  return {
    async read(text) {
      const answer = await queued({ type: "read", text });
      if (answer.type === "read") return answer.targets;
      throw new SyntaxError(answer.type === "failed" ? answer.error : "the rules cannot be read");
    },
    async judge(request) {
      const answer = await queued({ type: "judge", ...request });
      if (answer.type === "judged") return answer;
      throw new SyntaxError(answer.type === "failed" ? answer.error : "the rules cannot be applied");
    },
  };
}

function programUrl(): URL {
  if (isBuilt) return new URL("./rules-thread-entry.js", import.meta.url);
  const readsTypescript = "deno" in process.versions || "typescript" in process.features;
  return new URL(
    readsTypescript ? "./rules-thread-entry.ts" : "./rules-thread-entry-tsx.mjs",
    import.meta.url,
  );
}
