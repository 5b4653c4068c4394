/** Lines of the log on their way out: those of one turn of the event loop go in one write, since each write is a system call. */

export interface LineWriter {
  (text: string): void;
  /** Writes what is still held; for the end of the process. */
  flush(): void;
}

/** @param schedule runs a task at the end of the present turn */
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
