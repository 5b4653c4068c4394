/**
 * Reloading of settings: whatever files they were read from are watched, and when one of them says something else, all are read
 * and checked anew. Good ones are handed on, bad ones are refused and reported once, and the last good ones stay in force.
 *
 * Two things tell of a change: the system's notice for the folder of the settings file, which is quick, and a look at all files
 * every few seconds, which always works (network folders, symbolic links that a container platform swaps, secret files). Either
 * way only a different text counts. A file that is just being written is left alone until it has rested for a moment.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Problem } from "../../lib/errors.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { DEFAULT_FILE, type LoadedSettings, type LoadResult } from "./load.ts";

/** Milliseconds between two looks at the files. */
export const POLL_MS = 5000;
/** Milliseconds for which the files must not have changed before they are read. */
export const REST_MS = 200;

export interface WatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly load: () => LoadResult;
  /** Puts good settings in force. */
  readonly apply: (settings: LoadedSettings) => void | Promise<void>;
  /** Text of a file; null where it cannot be read. */
  readonly readText: (path: string) => Promise<string | null>;
  /** Calls back when something in the file's folder changes; null where the system cannot tell. */
  readonly notify: (file: string, listener: () => void) => { close(): void } | null;
}

export interface SettingsWatch {
  /** Why the present files were refused; null where their settings are in force. */
  refused(): readonly Problem[] | null;
  /** Looks now; resolves when any change that it found was dealt with. */
  look(): Promise<void>;
  close(): void;
}

/** Watches from now on, the settings file also where it is not there yet. */
export function watchSettings(initial: LoadedSettings, deps: WatchDeps): SettingsWatch {
  const { clock, log } = deps;
  let inputs = initial.inputs;
  let problems: readonly Problem[] | null = null;
  let isClosed = false;
  let running: Promise<void> | null = null;
  let rest: Timer | null = null;

  const changed = async (): Promise<boolean> => {
    const texts = await Promise.all(
      [...inputs].map(async ([path, text]) => (await deps.readText(path)) !== text),
    );
    return texts.includes(true);
  };

  async function reload(): Promise<void> {
    if (isClosed || !(await changed())) return;
    const loaded = deps.load();
    if (!loaded.ok) {
      inputs = loaded.inputs;
      problems = loaded.error.problems;
      log.error("settings.refused", {
        problems,
        note: "the last good settings stay in force",
      });
      return;
    }
    await deps.apply(loaded.settings);
    inputs = loaded.settings.inputs;
    problems = null;
  }

  /** One at a time; a call during another one's run looks again after it. */
  function look(): Promise<void> {
    const next = (running ?? Promise.resolve()).then(reload).catch((error: unknown) => {
      log.error("settings.reload-failed", { reason: messageOf(error) });
    });
    running = next;
    return next;
  }

  const onNotice = (): void => {
    rest?.cancel();
    rest = clock.after(REST_MS, () => void look());
  };
  const watched = initial.file ?? DEFAULT_FILE;
  const notice = deps.notify(watched, onNotice);
  if (notice === null) log.info("settings.polling", { file: watched, everyMs: POLL_MS });

  let poll: Timer;
  const schedule = (): void => {
    poll = clock.after(POLL_MS, () => {
      // A change that the system did not tell of may still be under way.
      void changed().then((isDifferent) => {
        if (isDifferent) onNotice();
      });
      schedule();
    });
  };
  schedule();

  return {
    refused: () => problems,
    look,
    close() {
      isClosed = true;
      notice?.close();
      rest?.cancel();
      poll.cancel();
    },
  };
}
