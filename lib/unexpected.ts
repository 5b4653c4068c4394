/** The last word about an error that nothing expected: one line, without secrets, with the place in our code. Pure. */
import { oneLine } from "./one-line.ts";

const LONGEST_MESSAGE = 500;

/**
 * What a program says of a bug before it ends. Node's own report prints the error with all its fields, and with them whatever
 * address or header led to it.
 * @param mask takes secrets out of the message; null: they are not known yet, so the message stays out
 */
export function unexpectedText(thrown: unknown, mask: ((text: string) => string) | null): string {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code } = error as NodeJS.ErrnoException;
  const kind = typeof code === "string" ? `${error.name} ${code}` : error.name;
  const message =
    mask === null ? "" : `: ${mask(error.message.slice(0, 4 * LONGEST_MESSAGE)).slice(0, LONGEST_MESSAGE)}`;
  const [, place] =
    /\/((?:component|relay|lib|node_modules)\/[\w@./-]{1,200}:\d+:\d+)\)?$/m.exec(framesOf(error)) ?? [];
  return oneLine(
    `unexpected ${kind}${message}${place === undefined ? "" : ` (at ${place})`}; please report it`,
  );
}

/** The stack without the message, which stands before it. */
function framesOf({ stack = "" }: Error): string {
  return stack
    .split("\n")
    .filter((line) => /^\s{1,20}at /.test(line))
    .slice(0, 10)
    .join("\n");
}
