/** Targets that tests steer, and settings of targets with all defaults filled in. */
import { resultOfAnswer } from "../../relay/delivery/outcome.ts";
import { targetSchema, type TargetSettings } from "../../relay/targets/registry.ts";
import type { AttemptResult, Sending, Target } from "../../relay/delivery/port.ts";

export function answered(status: number, retryAfter: string | null = null): AttemptResult {
  return resultOfAnswer(status, { retryAfter, location: null }, null, 0);
}

export function httpConfig(changes: Record<string, unknown> = {}): TargetSettings & { type: "http" } {
  const config = targetSchema.parse({ type: "http", url: "http://127.0.0.1:9/", ...changes });
  if (config.type !== "http") throw new TypeError("not an HTTP target");
  return config;
}

/** Answers as it is told, or leaves attempts hanging until the test answers them. */
export class SteeredTarget implements Target {
  readonly sent: Sending[] = [];
  underWay = 0;
  mostUnderWay = 0;
  closed = false;
  #answer: ((sending: Sending) => AttemptResult | "hang") | null = null;
  readonly #hanging: { readonly sending: Sending; readonly resolve: (result: AttemptResult) => void }[] = [];

  /** Without a function, attempts hang. */
  constructor(answer: ((sending: Sending) => AttemptResult | "hang") | null = null) {
    this.#answer = answer;
  }

  /** How attempts are answered from now on. */
  answerWith(answer: ((sending: Sending) => AttemptResult | "hang") | null): void {
    this.#answer = answer;
  }

  send(sending: Sending): Promise<AttemptResult> {
    this.sent.push(sending);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const done = new Promise<AttemptResult>((resolve, reject) => {
      const result = this.#answer?.(sending) ?? "hang";
      if (result !== "hang") {
        resolve(result);
        return;
      }
      const { signal } = sending;
      const onAbort = (): void => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#hanging.push({ sending, resolve });
    });
    return done.finally(() => {
      this.underWay -= 1;
    });
  }

  /** Answers what hangs, oldest first. */
  release(result: AttemptResult, count = Number.POSITIVE_INFINITY): void {
    for (const { resolve } of this.#hanging.splice(0, count)) resolve(result);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
