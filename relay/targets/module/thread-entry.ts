/**
 * The thread in which a handler runs: a program of its own, started by module.ts. It loads the handler, says whether that worked,
 * and runs it for each event. Whatever a handler does here cannot reach the relay's own thread.
 */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../../lib/errors.ts";
import type { HandleEvent } from "./handler.ts";
import { runHandler, type RunDeps } from "./handler-run.ts";
import type { ThreadData, ToThread } from "./protocol.ts";

const LONGEST_ERROR = 300;

const data = workerData as ThreadData;
const port = parentPort as NonNullable<typeof parentPort>;
const calls = new Map<number, AbortController>();
const deps: RunDeps = {
  data,
  say: (message) => port.postMessage(message),
  gitlab: { fetch, now: () => Date.now(), budgets: new Map() },
};

async function load(): Promise<HandleEvent | null> {
  try {
    const loaded = (await import(data.handlerUrl)) as { readonly handle?: unknown };
    if (typeof loaded.handle === "function") return loaded.handle as HandleEvent;
    deps.say({ type: "unusable", error: "it exports no function named handle" });
  } catch (error) {
    deps.say({ type: "unusable", error: messageOf(error).slice(0, LONGEST_ERROR) });
  }
  return null;
}

const handle = await load();
if (handle !== null) {
  port.on("message", (message: ToThread) => {
    if (message.type === "handle") {
      const abort = new AbortController();
      calls.set(message.call, abort);
      void runHandler(handle, message, abort.signal, deps).finally(() => calls.delete(message.call));
      return;
    }
    deps.say({ type: "alive", call: message.call });
    calls.get(message.call)?.abort(new Error("the attempt's time is up"));
  });
  deps.say({ type: "ready" });
} else {
  port.close();
}
