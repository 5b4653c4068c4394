/**
 * The target that is code of the operator's own: a module whose `handle(event, ctx)` runs in a process or thread, so that a handler that
 * blocks, crashes or eats memory costs its own events their attempts and nothing else. One that is lost is replaced with the next event.
 *
 * When a file in the handler's folder changes, a new one loads the handler. The old one ends what it has under way. A handler that
 * cannot be loaded is reported, and the last good one stays.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Clock, Timer } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import { resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Sending, Target } from "../../delivery/port.ts";
import { HandlerHost, type HostListener } from "./handler-host.ts";
import type { ModuleTargetSettings } from "./settings.ts";
import type { StartThread, WatchFolder } from "./thread.ts";

/** A handler that cannot be loaded is tried again with the next event after this time, in milliseconds. */
const RELOAD_MS = 5_000;
/** For so long a changed folder must rest before it is read, in milliseconds. */
const REST_MS = 200;

export interface ModuleTargetDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly startThread: StartThread;
  readonly watchFolder: WatchFolder;
}

export function createModuleTarget(config: ModuleTargetSettings, deps: ModuleTargetDeps): Target {
  return new ModuleTarget(config, deps);
}

class ModuleTarget implements Target {
  readonly #config: ModuleTargetSettings;
  readonly #deps: ModuleTargetDeps;
  readonly #file: string;
  readonly #watcher: { close(): void } | null;
  /** All that run, those included that end what they have under way. */
  readonly #hosts = new Set<HandlerHost>();
  /** Takes new events; null before the first one and after a loss. */
  #current: HandlerHost | null = null;
  /** Loads a changed handler, to take the place of the current one. */
  #candidate: HandlerHost | null = null;
  /** Why the handler cannot be loaded, and the monotonic time until which that is believed. */
  #unusable: { readonly error: string; readonly until: number } | null = null;
  /** Set while a changed folder must rest. */
  #rest: Timer | null = null;
  #closed = false;
  readonly #listener: HostListener = {
    ready: (host) => this.#becameReady(host),
    unusable: (host, error) => this.#becameUnusable(host, error),
    lost: (host, why, underWay) => this.#lost(host, why, underWay),
    idle: (host) => this.#retireIfIdle(host),
  };

  constructor(config: ModuleTargetSettings, deps: ModuleTargetDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#file = resolve(config.handler);
    this.#watcher = deps.watchFolder(this.#file, () => this.#folderChanged());
  }

  send(sending: Sending): Promise<AttemptResult> {
    const { signal } = sending;
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const isBelieved = this.#unusable !== null && this.#deps.clock.monotonic() < this.#unusable.until;
    if (isBelieved && this.#current === null) {
      return Promise.resolve(resultOfFailure(`the handler cannot be loaded: ${this.#unusable?.error}`));
    }
    this.#current ??= this.#start();
    return this.#current.run(sending);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#rest?.cancel();
    this.#watcher?.close();
    await Promise.all([...this.#hosts].map((host) => host.end()));
    this.#hosts.clear();
  }

  #start(): HandlerHost {
    const { options, gitlab = null, memoryMb } = this.#config;
    const data = { handlerUrl: pathToFileURL(this.#file).href, options, gitlab };
    const host = new HandlerHost({ ...this.#deps, data, memoryMb }, this.#listener);
    this.#hosts.add(host);
    return host;
  }

  #end(host: HandlerHost): void {
    this.#hosts.delete(host);
    void host.end();
  }

  #folderChanged(): void {
    this.#rest?.cancel();
    this.#unusable = null;
    this.#rest = this.#deps.clock.after(REST_MS, () => this.#reload());
  }

  #reload(): void {
    if (this.#closed || this.#current === null || this.#current.isLoading) return;
    if (this.#candidate !== null) this.#end(this.#candidate);
    this.#candidate = this.#start();
  }

  #becameReady(host: HandlerHost): void {
    this.#unusable = null;
    if (host !== this.#candidate) return;
    const old = this.#current;
    this.#current = host;
    this.#candidate = null;
    this.#deps.log.info("handler.reloaded", { handler: this.#config.handler });
    if (old !== null) this.#retireIfIdle(old);
  }

  #becameUnusable(host: HandlerHost, error: string): void {
    const { clock, log } = this.#deps;
    log.error("handler.unusable", { handler: this.#config.handler, error });
    if (host === this.#current) this.#unusable = { error, until: clock.monotonic() + RELOAD_MS };
  }

  #lost(host: HandlerHost, reason: string, underWay: number): void {
    this.#hosts.delete(host);
    if (host === this.#current) this.#current = null;
    if (host === this.#candidate) this.#candidate = null;
    if (underWay === 0) return;
    this.#deps.log.warn("handler.thread-exited", { handler: this.#config.handler, reason, underWay });
  }

  #retireIfIdle(host: HandlerHost): void {
    if (host !== this.#current && host !== this.#candidate && host.isIdle) this.#end(host);
  }
}
