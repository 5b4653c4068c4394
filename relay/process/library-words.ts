/**
 * What libraries write to the console becomes lines of the log: masked, of bounded length, and each told once, as a client says the same
 * at every connection.
 */
import { format } from "node:util";
import type { Log } from "../../lib/log.ts";

type Write = (...words: unknown[]) => void;

/** The console of the process, or one that a test sees. */
export interface LibraryConsole {
  debug: Write;
  log: Write;
  info: Write;
  warn: Write;
  error: Write;
}

/** Different texts that are remembered as told. */
const MAX_TOLD = 100;

/** Takes the place of the console's functions, for good. */
export function logLibraryWords(console: LibraryConsole, log: Log): void {
  const told = new Set<string>();
  const isNew = (text: string): boolean => {
    if (told.has(text)) return false;
    if (told.size >= MAX_TOLD) told.clear();
    told.add(text);
    return true;
  };
  const warn: Write = (...words) => {
    const text = format(...words);
    if (isNew(text)) log.warn("library.warned", { error: text });
  };
  const say: Write = (...words) => {
    const text = format(...words);
    if (isNew(text)) log.info("library.said", { text });
  };
  Object.assign(console, { debug: say, log: say, info: say, warn, error: warn });
}
