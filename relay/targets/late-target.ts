/**
 * A target that could not be made at the start, for something outside the settings, such as a certificate. Each attempt fails with the
 * reason, and the target is made as soon as that is possible.
 */
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, type Problem } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { resultOfFailure } from "../delivery/outcome.ts";
import type { AttemptResult, Sending, Target } from "../delivery/port.ts";

/** It is tried again with the next event after this time, in milliseconds. */
const RETRY_MS = 5_000;

export interface LateTargetDeps {
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Log;
  /** Throws a ConfigError if it cannot be made. */
  readonly create: () => Target;
  /** What stands in its way for as long as files do not answer. */
  readonly fileProblems: () => Promise<readonly Problem[]>;
}

export class LateTarget implements Target {
  readonly #name: string;
  readonly #deps: LateTargetDeps;
  #target: Target | null = null;
  #failure = "";
  /** Monotonic clock. */
  #nextAt = 0;
  #making: Promise<void> | null = null;

  constructor(name: string, deps: LateTargetDeps) {
    this.#name = name;
    this.#deps = deps;
  }

  /** Makes the target now, unless `problems` says that its files do not answer. Returns it, or itself in its place. */
  begin(problems: readonly Problem[]): Target {
    this.#make(problems);
    return this.#target ?? this;
  }

  async send(sending: Sending): Promise<AttemptResult> {
    if (this.#target === null && this.#deps.clock.monotonic() >= this.#nextAt) {
      this.#making ??= this.#deps
        .fileProblems()
        .then((problems) => this.#make(problems))
        .finally(() => (this.#making = null));
      await this.#making;
    }
    if (sending.signal.aborted) throw sending.signal.reason;
    return this.#target === null ? resultOfFailure(this.#failure) : this.#target.send(sending);
  }

  async close(): Promise<void> {
    await this.#target?.close();
  }

  #make(fileProblems: readonly Problem[]): void {
    try {
      if (fileProblems.length > 0) throw new ConfigError([...fileProblems]);
      this.#target = this.#deps.create();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const reason = error.problems
        .map((p) => (p.path === "url" ? p.message : `${p.path} ${p.message}`))
        .join("; ");
      if (reason !== this.#failure)
        this.#deps.log.error("target.unusable", { target: this.#name, error: reason });
      this.#failure = reason;
    }
    this.#nextAt = this.#deps.clock.monotonic() + RETRY_MS;
  }
}
