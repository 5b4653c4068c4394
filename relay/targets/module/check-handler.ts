/** Whether a handler can be loaded, found out before settings are put in force: in its own process, as it will run. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Clock } from "../../../lib/clock.ts";
import { fromThread } from "./protocol.ts";
import type { ModuleTargetSettings } from "./settings.ts";
import type { StartThread, Thread } from "./thread.ts";

/** A handler that takes longer to load is refused, in milliseconds. */
const LOAD_MS = 10_000;

/** Why the handler cannot be loaded; null if it can. The process has ended when this resolves. */
export async function handlerProblem(
  settings: ModuleTargetSettings,
  deps: { readonly clock: Clock; readonly startThread: StartThread },
): Promise<string | null> {
  let thread: Thread | null = null;
  const problem = await new Promise<string | null>((done) => {
    const timer = deps.clock.after(LOAD_MS, () => done(`did not load within ${LOAD_MS / 1000} s`));
    const end = (found: string | null): void => {
      timer.cancel();
      done(found);
    };
    const data = {
      handlerUrl: pathToFileURL(resolve(settings.handler)).href,
      options: settings.options,
      gitlab: settings.gitlab ?? null,
    };
    thread = deps.startThread(data, settings.memoryMb, {
      message(message) {
        const { data: heard } = fromThread.safeParse(message);
        if (heard?.type === "ready") end(null);
        else if (heard?.type === "unusable") end(`cannot be loaded: ${heard.error}`);
      },
      output: () => {},
      gone: (error) => end(`cannot be loaded: ${error === null ? "its process ended" : error.message}`),
    });
  });
  await (thread as Thread | null)?.terminate();
  return problem;
}
