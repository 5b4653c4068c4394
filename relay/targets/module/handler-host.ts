/**
 * One process or thread in which a handler runs, and the calls that it has under way. When it dies or blocks, those calls fail; each ends
 * exactly once, whatever the handler's code says or does.
 */
import type { Clock, Timer } from "../../../lib/clock.ts";
import { cut } from "../../../lib/cut.ts";
import type { Log } from "../../../lib/log.ts";
import { resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Sending } from "../../delivery/port.ts";
import { fromThread, type FromThread, type ThreadData } from "./protocol.ts";
import type { StartThread, Thread } from "./thread.ts";

/** A thread that has not answered for so long is blocked, in milliseconds. */
const BLOCKED_MS = 2_000;
/** Characters of a line that a handler prints. */
const LONGEST_LINE = 4096;

interface Call {
  readonly sending: Sending;
  readonly resolve: (result: AttemptResult) => void;
  readonly reject: (error: Error) => void;
  readonly onAbort: () => void;
}

export interface HostOptions {
  readonly data: ThreadData;
  readonly memoryMb: number;
  readonly startThread: StartThread;
  readonly clock: Clock;
  readonly log: Log;
}

/** What its owner hears. */
export interface HostListener {
  /** The handler is loaded. */
  ready(host: HandlerHost): void;
  /** The handler cannot be loaded; `lost` follows. */
  unusable(host: HandlerHost, error: string): void;
  /** It is of no use any more. @param underWay calls that failed by it */
  lost(host: HandlerHost, why: string, underWay: number): void;
  /** Its last call has ended. */
  idle(host: HandlerHost): void;
}

export class HandlerHost {
  #state: "loading" | "ready" | "gone" = "loading";
  readonly #thread: Thread;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listener: HostListener;
  #lastCall = 0;
  readonly #calls = new Map<number, Call>();
  /** Calls to send as soon as the handler is loaded. */
  readonly #queued: number[] = [];
  /** Calls that were called off and that the thread has not answered yet. */
  readonly #unanswered = new Map<number, Timer>();

  constructor({ data, memoryMb, startThread, clock, log }: HostOptions, listener: HostListener) {
    this.#clock = clock;
    this.#log = log;
    this.#listener = listener;
    this.#thread = startThread(data, memoryMb, {
      message: (message) => this.#hearAnything(message),
      output: printed((line) => log.info("handler.output", { line })),
      gone: (error) => this.#lose(error === null ? "it ended" : error.message),
    });
  }

  get isLoading(): boolean {
    return this.#state === "loading";
  }

  get isIdle(): boolean {
    return this.#calls.size === 0;
  }

  /** Runs the handler for an event. Rejects with the signal's reason once that aborts. */
  run(sending: Sending): Promise<AttemptResult> {
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#abort(id);
      this.#calls.set(id, { sending, resolve, reject, onAbort });
      sending.signal.addEventListener("abort", onAbort, { once: true });
      if (this.#state === "ready") this.#post(id);
      else this.#queued.push(id);
    });
  }

  /** Ends it, whatever it is doing; resolves when it is gone. Its owner hears nothing more. */
  end(): Promise<void> {
    this.#state = "gone";
    for (const timer of this.#unanswered.values()) timer.cancel();
    return this.#thread.terminate();
  }

  #hearAnything(message: unknown): void {
    if (this.#state === "gone") return;
    const heard = fromThread.safeParse(message);
    if (heard.success) this.#hear(heard.data);
    else this.#lose("it sent an invalid message");
  }

  #hear(message: FromThread): void {
    switch (message.type) {
      case "ready":
        this.#state = "ready";
        this.#listener.ready(this);
        for (const id of this.#queued.splice(0)) this.#post(id);
        return;
      case "unusable":
        this.#listener.unusable(this, message.error);
        this.#lose(`it cannot be loaded: ${message.error}`);
        return;
      case "crashed":
        this.#lose(message.error);
        return;
      case "alive":
        this.#unanswered.get(message.call)?.cancel();
        this.#unanswered.delete(message.call);
        return;
      case "log":
        this.#tell(message);
        return;
      case "ended":
        this.#finish(message);
        return;
      default:
        message satisfies never;
    }
  }

  #tell({ call, level, fields, message }: FromThread & { type: "log" }): void {
    const sending = this.#calls.get(call)?.sending;
    const ids = { eventId: sending?.meta.id, attempt: sending?.attempt };
    this.#log[level]("handler.log", { ...fields, ...ids, message });
  }

  #finish({ call, verdict, error, excerpt, retryAfterSeconds, steps }: FromThread & { type: "ended" }): void {
    const told = steps.length === 0 ? {} : { steps };
    this.#take(call)?.resolve({ verdict, status: null, error, excerpt, retryAfterSeconds, ...told });
    if (this.isIdle) this.#listener.idle(this);
  }

  /** Removes a call that has ended; null if it has before. */
  #take(id: number): Call | null {
    const call = this.#calls.get(id);
    if (call === undefined) return null;
    this.#calls.delete(id);
    call.sending.signal.removeEventListener("abort", call.onAbort);
    return call;
  }

  #post(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const { meta, body, attempt, replay } = call.sending;
    this.#thread.send({ type: "handle", call: id, meta, body, attempt, replay });
  }

  /** Its attempt's time is up: the slot is free at once, and a thread that does not even answer to that is ended. */
  #abort(id: number): void {
    const call = this.#take(id);
    if (call === null) return;
    call.reject(call.sending.signal.reason as Error);
    if (this.#state !== "ready") return;
    this.#thread.send({ type: "abort", call: id });
    this.#unanswered.set(
      id,
      this.#clock.after(BLOCKED_MS, () => this.#lose("it was blocked")),
    );
    if (this.isIdle) this.#listener.idle(this);
  }

  #lose(why: string): void {
    if (this.#state === "gone") return;
    void this.end();
    this.#listener.lost(this, why, this.#calls.size);
    for (const id of this.#calls.keys()) {
      this.#take(id)?.resolve(resultOfFailure(`the handler's process ended: ${why}`));
    }
  }
}

/** Whole lines of what a handler prints, each at most so long; a line that does not end is told in pieces. */
function printed(tell: (line: string) => void): (text: string) => void {
  let begun = "";
  return (text) => {
    const lines = `${begun}${text}`.split("\n");
    const last = lines.pop() ?? "";
    begun = last.length > LONGEST_LINE ? "" : last;
    if (begun === "") lines.push(last);
    for (const line of lines) if (line.trim() !== "") tell(cut(line, LONGEST_LINE));
  };
}
