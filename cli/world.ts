/** The outside world, as the commands use it: main.ts hands in the real one, tests their own. */
import type { Clock } from "../lib/clock.ts";
import type { Env } from "../lib/env.ts";

export interface CliWorld {
  readonly argv: readonly string[];
  readonly env: Env;
  readonly version: string;
  readonly clock: Clock;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly fetch: typeof fetch;
  /** Text of a file; throws if it cannot be read. */
  readonly readFile: (path: string) => string;
  /** Whether a person reads standard output. */
  readonly isTerminal: boolean;
  /** Width of the terminal in characters; infinite if there is none, so that a file or a pipe gets all. */
  readonly columns: number;
  readonly stdout: (data: string | Uint8Array) => void;
  readonly stderr: (text: string) => void;
  /** Aborts when the program is asked to end. */
  readonly ended: AbortSignal;
  /** Runs relay/main.ts in this process with these arguments; it sets the exit status itself. */
  readonly relay: (argv: readonly string[]) => Promise<void>;
  /** The same of component/main.ts. */
  readonly installer: (argv: readonly string[]) => Promise<void>;
}
