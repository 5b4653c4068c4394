/** `backup` and `restore`: a relay's data folder as one file, and back. */
import { STATUS, type CommandSpec, type Given, type OptionSpec } from "../command.ts";
import type { CliWorld } from "../world.ts";

const DATA: OptionSpec = {
  name: "--data",
  value: "DIR",
  env: "RELAY_DATA_DIR",
  description: "data folder of the relay (queue.fs.base); default ./data",
};

const dataFolder = (given: Given, world: CliWorld): string =>
  given.text("--data") ?? world.env["RELAY_DATA_DIR"] ?? "./data";

export const backup: CommandSpec = {
  name: "backup",
  group: "Operating",
  summary: "write the data folder of a relay to one tar file, while it runs or not",
  details:
    "Every event that was acknowledged before the command began is in it, with what became of it, and so are the audit trail and the secrets that the relay made for itself: keep the file as safe as the folder. It is for relays that keep their queue in files; a Redis has backups of its own.",
  args: [{ name: "file", description: "file to be written; /dev/stdout for a pipe", isRequired: true }],
  options: [DATA],
  examples: [
    { command: "gitlab-hook-relay backup relay.tar", what: "of the relay whose data folder is ./data" },
    {
      command: "gitlab-hook-relay backup /dev/stdout --data /data",
      what: "into a pipe",
    },
  ],
  async run(given, world) {
    // Loaded only if it is used, as the relay's own parts are.
    const { writeBackup } = await import("../../relay/storage/backup/backup.ts");
    const [file = ""] = given.args;
    const base = dataFolder(given, world);
    const size = await writeBackup({ base, file }, { version: world.version, now: world.clock.now() });
    world.stderr(`backed up ${size.files} files, ${size.bytes} bytes, of "${base}"\n`);
    return STATUS.done;
  },
};

export const restore: CommandSpec = {
  name: "restore",
  group: "Operating",
  summary: "make a data folder of a backup",
  details:
    "The folder must be empty or not be there. Start a relay on it afterwards; it goes on where the backup was made, and events that were delivered since then are delivered again.",
  args: [{ name: "file", description: "the backup; /dev/stdin for a pipe", isRequired: true }],
  options: [DATA],
  examples: [
    { command: "gitlab-hook-relay restore relay.tar", what: "to ./data" },
    {
      command: "gitlab-hook-relay restore /dev/stdin --data /data",
      what: "from a pipe",
    },
  ],
  async run(given, world) {
    const { restoreBackup } = await import("../../relay/storage/backup/backup.ts");
    const [file = ""] = given.args;
    const base = dataFolder(given, world);
    const size = await restoreBackup({ base, file });
    world.stderr(`restored ${size.files} files, ${size.bytes} bytes, to "${base}"\n`);
    return STATUS.done;
  },
};
