/**
 * The process in which a handler runs, on Node. A thread would be limited in its heap alone: buffers lie outside of it, and a thread
 * that was allowed 128 MB made the relay grow by 700. A process can be limited as a whole by the system, which needs no watching.
 *
 * Where the system has no such limit (macOS, Windows) only the heap is limited.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isBuilt } from "../../../lib/built.ts";
import type { StartThread } from "./thread.ts";

/** What Node takes before any code runs, with its young generation and its stacks, in MiB. */
const BASE_MB = 160;
/** `sh` sets the limits of the process that it becomes; without the limit for cores a heap that is full would write one. */
const LIMITED = 'ulimit -c 0; ulimit -d "$1" 2> /dev/null; shift; exec "$@"';

export const startProcess: StartThread = function startProcess(data, memoryMb, events) {
  const node = [process.execPath, `--max-old-space-size=${memoryMb}`, fileURLToPath(programUrl())];
  const limited = ["sh", "-c", LIMITED, "sh", String((memoryMb + BASE_MB) * 1024), ...node];
  const [command = "", ...args] = process.platform === "win32" ? node : limited;
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe", "ipc"], serialization: "advanced" });
  let failure: Error | null = null;
  child.on("message", events.message);
  child.on("error", (error) => (failure ??= error));
  child.on("close", (code, signal) => events.gone(failure ?? causeOf(code, signal, memoryMb)));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8");
    stream?.on("data", events.output);
  }
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const send: ReturnType<StartThread>["send"] = (message) => {
    // A process that is gone is told of by `close`.
    child.send(message, () => {});
  };
  send({ type: "start", data });
  child.unref();
  child.channel?.unref();
  return {
    send,
    terminate() {
      // Its end is waited for, also by a program that has nothing else to do.
      child.ref();
      child.kill("SIGKILL");
      return gone;
    },
  };
};

function causeOf(code: number | null, signal: NodeJS.Signals | null, memoryMb: number): Error | null {
  if (signal === "SIGABRT" || code === 134) {
    return new Error(`it ran out of memory: memoryMb is ${memoryMb}`);
  }
  if (signal !== null) return new Error(`it was ended by ${signal}`);
  return code === 0 || code === null ? null : new Error(`it ended with exit status ${code}`);
}

function programUrl(): URL {
  // A handler may be TypeScript, whatever the relay itself is.
  const own = isBuilt ? "./thread-entry.js" : "./thread-entry.ts";
  const program = "typescript" in process.features ? own : "./thread-entry-tsx.mjs";
  return new URL(program, import.meta.url);
}
