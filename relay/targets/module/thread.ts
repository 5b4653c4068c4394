/** Starts the thread of a module target, on each runtime in its way, and watches the handler's folder. */
import { watch } from "node:fs";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { FromThread, ThreadData, ToThread } from "./protocol.ts";

export interface Thread {
  send(message: ToThread): void;
  /** Ends it, whatever it is doing. */
  terminate(): Promise<void>;
}

export interface ThreadEvents {
  readonly message: (message: FromThread) => void;
  /** What the handler prints. */
  readonly output: (line: string) => void;
  /** The thread is gone; the error is null where it ended by itself. */
  readonly gone: (error: Error | null) => void;
}

/** @param memoryMb heap that the thread may take, in MiB; beyond it the thread ends, not the relay */
export type StartThread = (data: ThreadData, memoryMb: number, events: ThreadEvents) => Thread;

export const startThread: StartThread = function startThread(data, memoryMb, events) {
  const worker = new Worker(new URL(programFile(), import.meta.url), {
    workerData: data,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  let failure: Error | null = null;
  worker.on("message", events.message);
  worker.on("error", (error) => (failure = error));
  worker.on("exit", () => events.gone(failure));
  for (const stream of [worker.stdout, worker.stderr]) {
    // Deno has no streams here: its threads print by themselves.
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      for (const line of text.split("\n")) if (line.trim() !== "") events.output(line);
    });
  }
  worker.unref();
  return {
    send: (message) => worker.postMessage(message),
    async terminate() {
      await worker.terminate();
    },
  };
};

function programFile(): string {
  const { features, versions } = process;
  const readsTypescript = "deno" in versions || "typescript" in features;
  return readsTypescript ? "./thread-entry.ts" : "./thread-entry-tsx.mjs";
}

/** Calls back when something in the folder of a file changes; null where the system cannot tell. */
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
