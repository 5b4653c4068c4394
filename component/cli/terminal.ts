/** A terminal: lines that stay, and below them one that is redrawn. */
import { createLogUpdate } from "log-update";

export interface Terminal {
  /** A line that stays. @param text with its line end */
  write(text: string): void;
  /** The line below; it takes the place of the one before. */
  redraw(line: string): void;
  /** Takes the line away. */
  clear(): void;
}

export function createTerminal(stream: NodeJS.WriteStream): Terminal {
  const bottom = createLogUpdate(stream);
  return {
    write(text) {
      bottom.clear();
      stream.write(text);
    },
    redraw: (line) => bottom(line),
    clear: () => bottom.clear(),
  };
}
