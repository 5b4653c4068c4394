/**
 * The program in which a handler runs: a process, or a thread on Deno, started by module.ts. It loads the handler, says whether that
 * worked, and runs it for each event. Whatever a handler does here cannot reach the relay's own process.
 */
import { parentPort } from "node:worker_threads";
import { systemClock } from "../../../lib/clock.ts";
import { messageOf } from "../../../lib/errors.ts";
import { createTransport } from "../../../lib/gitlab/transport.ts";
import { createGitlabClients } from "./gitlab-client.ts";
import type { HandleEvent } from "./handler.ts";
import { runHandler, type RunDeps } from "./handler-run.ts";
import type { FromThread, ThreadData, ToThread } from "./protocol.ts";

const LONGEST_ERROR = 300;

interface Port {
  send(message: FromThread, sent?: () => void): void;
  listen(listener: (message: ToThread) => void): void;
  close(): void;
}

/** The channel of a process. What the relay's terminal or service sends to all is for the relay to decide on. */
function processPort(): Port {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  process.on("disconnect", () => process.exit());
  process.on("uncaughtException", (error) => {
    port.send({ type: "crashed", error: messageOf(error).slice(0, LONGEST_ERROR) }, () => process.exit(1));
  });
  return {
    send: (message, sent) => process.send?.(message, undefined, undefined, sent),
    listen: (listener) => process.on("message", (message) => listener(message as ToThread)),
    close: () => process.disconnect(),
  };
}

function threadPort(parent: NonNullable<typeof parentPort>): Port {
  return {
    send: (message) => parent.postMessage(message),
    listen: (listener) => parent.on("message", listener),
    close: () => parent.close(),
  };
}

const port = parentPort === null ? processPort() : threadPort(parentPort);
const calls = new Map<number, AbortController>();

async function load(handlerUrl: string): Promise<HandleEvent | null> {
  try {
    const loaded = (await import(handlerUrl)) as { readonly handle?: unknown };
    if (typeof loaded.handle === "function") return loaded.handle as HandleEvent;
    port.send({ type: "unusable", error: "it exports no function named handle" });
  } catch (error) {
    port.send({ type: "unusable", error: messageOf(error).slice(0, LONGEST_ERROR) });
  }
  return null;
}

let handle: HandleEvent | null = null;
let deps: RunDeps | null = null;

async function start(data: ThreadData): Promise<void> {
  deps = {
    data,
    say: (message) => port.send(message),
    gitlab:
      data.gitlab === null
        ? null
        : createGitlabClients(data.gitlab, {
            transport: createTransport(process.env),
            clock: systemClock,
          }),
  };
  handle = await load(data.handlerUrl);
  if (handle === null) port.close();
  else port.send({ type: "ready" });
}

port.listen((message) => {
  if (message.type === "start") {
    void start(message.data);
  } else if (message.type === "abort") {
    port.send({ type: "alive", call: message.call });
    calls.get(message.call)?.abort(new Error("the attempt's time is up"));
  } else if (handle !== null && deps !== null) {
    const abort = new AbortController();
    calls.set(message.call, abort);
    void runHandler(handle, message, abort.signal, deps).finally(() => calls.delete(message.call));
  }
});
