/** Every command, in the order in which the help lists them. A command is added as a file in commands/ and a line below. */
import type { CommandSpec } from "./command.ts";
import { backup, restore } from "./commands/backup.ts";
import { completion } from "./commands/completion.ts";
import { migrate } from "./commands/migrate.ts";
import { installerCommands, relayCommands } from "./commands/entries.ts";
import { doctor } from "./commands/doctor.ts";
import { events } from "./commands/events.ts";
import { replay } from "./commands/replay.ts";
import { replays } from "./commands/replays.ts";
import { send } from "./commands/send.ts";
import { tail } from "./commands/tail.ts";
import { targets } from "./commands/targets.ts";

const OTHERS: readonly CommandSpec[] = [
  events,
  replay,
  replays,
  targets,
  backup,
  restore,
  migrate,
  doctor,
  tail,
  send,
];

const known: readonly CommandSpec[] = [...relayCommands, ...installerCommands, ...OTHERS];

export const PROGRAM_COMMANDS: readonly CommandSpec[] = [...known, completion(known)];
