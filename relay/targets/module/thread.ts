/** The thread in which a handler runs on Deno, where a process cannot be limited, and the watch on the handler's folder. */
import { watch } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { isBuilt } from "../../../lib/built.ts";
import type { ThreadData, ToThread } from "./protocol.ts";

/** Where a handler runs: a process or a thread. */
export interface Thread {
  send(message: ToThread): void;
  /** Ends it, whatever it is doing. */
  terminate(): Promise<void>;
}

export interface ThreadEvents {
  /** What it says, of whatever shape: the handler's code can say anything. */
  readonly message: (message: unknown) => void;
  /** What the handler prints, in pieces. */
  readonly output: (text: string) => void;
  /** It is gone; the error is null if it ended by itself. */
  readonly gone: (error: Error | null) => void;
}

/** @param memoryMb what the handler may take, in MiB */
export type StartThread = (data: ThreadData, memoryMb: number, events: ThreadEvents) => Thread;

export const startThread: StartThread = function startThread(data, _memoryMb, events) {
  const worker = new Worker(new URL(isBuilt ? "./thread-entry.js" : "./thread-entry.ts", import.meta.url));
  let failure: Error | null = null;
  worker.on("message", events.message);
  worker.on("messageerror", events.message);
  worker.on("error", (error) => (failure = error));
  worker.on("exit", () => events.gone(failure));
  worker.postMessage({ type: "start", data } satisfies ToThread);
  worker.unref();
  return {
    send: (message) => worker.postMessage(message),
    async terminate() {
      await worker.terminate();
    },
  };
};

/** Calls back when something in the folder of a file changes; null if the system cannot tell. */
export type WatchFolder = (file: string, listener: () => void) => { close(): void } | null;

export const watchFolder: WatchFolder = function watchFolder(file, listener) {
  try {
    const watcher = watch(dirname(file), { persistent: false }, listener);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // Without notices a handler is only loaded anew with changed settings or a restart.
    return null;
  }
};
