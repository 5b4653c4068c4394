/** Lines of the log on their way out. What cannot be written is lost, since nothing that a terminal or a disk does may stop the relay. */
import { messageOf } from "../../lib/errors.ts";

export interface LineWriter {
  (text: string): void;
  /** Writes what is still held; for the end of the process. */
  flush(): void;
}

/**
 * Writes the lines of one turn of the event loop together, since each write is a system call.
 * @param schedule runs a task at the end of the present turn
 */
export function createLineWriter(
  write: (text: string) => void,
  schedule: (task: () => void) => void,
): LineWriter {
  let held = "";
  const flush = (): void => {
    const text = held;
    held = "";
    if (text !== "") write(text);
  };
  return Object.assign(
    function writeLine(text: string): void {
      if (held === "") schedule(flush);
      held += text;
    },
    { flush },
  );
}

/** What is used of a standard stream. */
export interface OutputStream {
  readonly fd: number;
  write(text: string, done: (error?: Error | null) => void): boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * A writer that never throws. The reader of a pipe may go away and a disk may be full: lines are lost then, and `onTrouble` is told
 * once, and again only after a line went through.
 * @param direct writes to a file descriptor, for a stream that can no longer be used
 */
export function createSafeWriter(
  stream: OutputStream,
  direct: (fd: number, text: string) => unknown,
  onTrouble: (error: string) => void,
): (text: string) => void {
  let isTroubled = false;
  let isBroken = false;
  const done = (error?: Error | null): void => {
    const wasTroubled = isTroubled;
    isTroubled = error !== null && error !== undefined;
    if (isTroubled && !wasTroubled) onTrouble(messageOf(error));
  };
  // The same errors as done() gets: without a listener they would be fatal.
  stream.on("error", () => {});
  return function write(text) {
    try {
      if (!isBroken) {
        stream.write(text, done);
        return;
      }
      direct(stream.fd, text);
      done();
    } catch (error) {
      // Deno's streams throw what they should report, and then hold every later line in memory.
      isBroken = true;
      done(error as Error);
    }
  };
}
