/** What the program needs of the process that it runs in, handed in by main.ts and by tests. */
import type { Clock } from "../../lib/clock.ts";
import type { Transport } from "../../lib/gitlab/transport.ts";
import type { StretchKey } from "../../lib/secrets.ts";
import type { Env } from "../../lib/env.ts";
import type { Files } from "../hooks/cursor.ts";
import type { Terminal } from "./terminal.ts";

export interface World {
  readonly argv: readonly string[];
  readonly env: Env;
  readonly version: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Makes the key of the hooks' fingerprints. @default scrypt */
  readonly stretchKey?: StretchKey;
  /** How requests to GitLab and to the relay travel. */
  readonly transport: Transport;
  readonly files: Files;
  /** Reads a small file at once, for NAME_FILE. */
  readonly readFile: (path: string) => string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Hears how secrets are taken out of texts, before the first one is used. */
  readonly onSecrets: (mask: (text: string) => string) => void;
  /** Hears that the process is to end: the run stops in order, as at its time limit. */
  readonly onEnd: (stop: () => void) => void;
  /** Standard output as a terminal, which can redraw a line. @default null: it is none */
  readonly terminal?: Terminal | null;
}
