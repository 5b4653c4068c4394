/**
 * Files that must answer before they are read in one go, which nothing can interrupt: a network folder that hangs would hold up the program
 * without a word, and its end as well.
 *
 * A read that hangs also keeps one of the four threads that read and write every file of the process, the queue's included. So the files
 * of one folder are asked one after another, two folders are asked at most, and no file is asked again before it has answered.
 */
import { dirname } from "node:path";
import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "./clock.ts";

/** Longest wait for a file, in milliseconds. */
export const ANSWER_MS = 10_000;
/** Folders that are asked at once. */
const FOLDERS_AT_ONCE = 2;

/** Text of a file beside other work; null if it cannot be read. Never rejects; pends for as long as the file does not answer. */
export type ReadText = (path: string) => Promise<string | null>;

export interface AnsweringDeps {
  readonly clock: Pick<Clock, "after">;
  readonly readText: ReadText;
}

/** The reader of a process. @param read text of a file; rejects if it cannot be read */
export function createPatientReader(read: (path: string) => Promise<string>): ReadText {
  const asked = new Map<string, Promise<string | null>>();
  const folders = new Map<string, LimitFunction>();
  const all = pLimit(FOLDERS_AT_ONCE);
  return function readText(path) {
    const pending = asked.get(path);
    if (pending !== undefined) return pending;
    const name = dirname(path);
    const folder = folders.get(name) ?? pLimit(1);
    folders.set(name, folder);
    const text = folder(() => all(() => read(path).catch(() => null))).finally(() => {
      asked.delete(path);
      if (folder.activeCount + folder.pendingCount === 0) folders.delete(name);
    });
    asked.set(path, text);
    return text;
  };
}

/** Those of the files that have not answered in time. What is wrong with others is told when they are read. */
export async function unansweredFiles(paths: readonly string[], deps: AnsweringDeps): Promise<string[]> {
  const open = new Set(paths);
  if (open.size === 0) return [];
  let end = (): void => {};
  const late = new Promise<void>((resolve) => (end = resolve));
  const timer = deps.clock.after(ANSWER_MS, end);
  const answered = Promise.all(
    paths.map(async (path) => {
      await deps.readText(path);
      open.delete(path);
    }),
  );
  await Promise.race([answered, late]);
  timer.cancel();
  return [...open];
}

/** What is said of a file that does not answer. */
export const NO_ANSWER = `does not answer: it could not be read within ${ANSWER_MS / 1000} seconds; is it on a network folder that hangs?`;
