/**
 * Reloading of settings: whatever files they were read from are watched, and when one of them says something else, all are read
 * and checked anew. Good ones are handed on, bad ones are refused and reported once, and the last good ones stay in force.
 *
 * Two things tell of a change: the system's notice for the folder of the settings file, which is quick, and a look at all files
 * every few seconds, which always works (network folders, symbolic links that a container platform swaps, secret files). Either
 * way only a different text counts. A file that is just being written is left alone until it has rested for a moment.
 */
import { isDeepStrictEqual } from "node:util";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Problem } from "../../lib/errors.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { DEFAULT_FILE, withPlaces, type LoadedSettings, type LoadResult } from "./load.ts";

/** Milliseconds between two looks at the files. */
export const POLL_MS = 5000;
/** Milliseconds for which the files must not have changed before they are read. */
export const REST_MS = 200;

/** Milliseconds after which a look at the files that is not answered is told. */
const SLOW_MS = 10_000;

export interface WatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** @param previous the settings in force */
  readonly load: (previous: LoadedSettings) => LoadResult;
  /** Puts good settings in force, all of them or none. Rejects with a ConfigError if something is in the way. */
  readonly apply: (settings: LoadedSettings, options: { readonly anew: boolean }) => void | Promise<void>;
  /** Text of a file; null if it cannot be read. */
  readonly readText: (path: string) => Promise<string | null>;
  /** Calls back when something in the file's folder changes; null if the system cannot tell. */
  readonly notify: (file: string, listener: () => void) => { close(): void } | null;
}

export interface SettingsWatch {
  /** Why the present files were refused; null if their settings are in force. */
  refused(): readonly Problem[] | null;
  /**
   * Looks now; resolves when any change that it found was dealt with.
   * @param options.isForced reads and applies everything, changed or not. @default false
   */
  look(options?: { readonly isForced: boolean }): Promise<void>;
  /** True while the files do not answer, such as those of a network folder that hangs. */
  isUnanswered(): boolean;
  close(): void;
}

/** Watches from now on, the settings file also if it is not there yet. */
export function watchSettings(initial: LoadedSettings, deps: WatchDeps): SettingsWatch {
  const { clock, log } = deps;
  const watched = initial.file ?? DEFAULT_FILE;
  let inputs = initial.inputs;
  /** The settings in force. */
  let good = initial;
  /** Something outside was in the way, such as a certificate that is not there yet, or something unexpected: tried at each look. */
  let isRetried = false;
  let problems: readonly Problem[] | null = null;
  let isClosed = false;
  let isUnanswered = false;
  let running: Promise<void> | null = null;
  let rest: Timer | null = null;

  const changed = async (): Promise<boolean> => {
    const texts = await Promise.all(
      [...inputs].map(async ([path, text]) => (await deps.readText(path)) !== text),
    );
    return texts.includes(true);
  };

  /** Told once for the same problems. */
  function refuse(found: readonly Problem[], seen: ReadonlyMap<string, string | null>): void {
    const isKnown = isDeepStrictEqual(problems, found);
    inputs = seen;
    problems = found;
    if (!isKnown) log.error("settings.refused", { problems, note: "the last good settings stay in force" });
  }

  /** An error of another kind: the settings it kept out are refused all the same. Told once for the same error. */
  function fail(error: string): void {
    const found = [{ path: watched, message: error }];
    const isKnown = isDeepStrictEqual(problems, found);
    problems = found;
    isRetried = true;
    if (!isKnown) log.error("settings.reload-failed", { error });
  }

  async function reload(isForced: boolean): Promise<void> {
    // Asked first in any case: what comes after it reads the files in one go, and would hold up everything if one did not answer.
    const isDifferent = await changed();
    if (isClosed || !(isForced || isRetried || isDifferent)) return;
    isRetried = false;
    const loaded = deps.load(good);
    if (!loaded.ok) {
      refuse(loaded.error.problems, loaded.inputs);
      return;
    }
    try {
      await deps.apply(loaded.settings, { anew: isForced });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      refuse(withPlaces(error.problems, loaded.settings), loaded.settings.inputs);
      isRetried = true;
      return;
    }
    inputs = loaded.settings.inputs;
    good = loaded.settings;
    problems = null;
  }

  /** One at a time; a call during another one's run looks again after it. */
  function look({ isForced } = { isForced: false }): Promise<void> {
    const next = (running ?? Promise.resolve())
      .then(() => reload(isForced))
      .catch((error: unknown) => {
        fail(messageOf(error));
      });
    running = next;
    return next;
  }

  const onNotice = (): void => {
    rest?.cancel();
    rest = clock.after(REST_MS, () => void look());
  };
  const notice = deps.notify(watched, onNotice);
  if (notice === null) log.info("settings.polling", { file: watched, everyMs: POLL_MS });

  let poll: Timer;
  const schedule = (): void => {
    poll = clock.after(POLL_MS, () => {
      // A change that the system did not tell of may still be under way.
      // No further look before this one is answered: a folder that hangs would take every thread that reads files.
      const looked = changed();
      const slow = clock.after(SLOW_MS, () => {
        isUnanswered = true;
        log.warn("settings.unanswered", { files: [...inputs.keys()], afterMs: SLOW_MS });
      });
      void looked.then((isDifferent) => {
        slow.cancel();
        isUnanswered = false;
        if (isDifferent || isRetried) onNotice();
        if (!isClosed) schedule();
      });
    });
  };
  schedule();

  return {
    refused: () => problems,
    isUnanswered: () => isUnanswered,
    look,
    close() {
      isClosed = true;
      notice?.close();
      rest?.cancel();
      poll.cancel();
    },
  };
}
