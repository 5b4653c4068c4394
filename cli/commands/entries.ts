/** The commands that are programs of their own: the relay and the installer. They are loaded when they are run, not before. */
import type { CommandSpec, OptionSpec } from "../command.ts";

const CONFIG: OptionSpec = {
  name: "--config",
  value: "FILE",
  env: "RELAY_CONFIG",
  description: "settings; default ./relay.yaml if it exists",
};

const SETTINGS_NOTE =
  "Settings come from relay.yaml and the environment; docs/configuration.md lists them all.";

function relayCommand(
  name: string,
  option: string | null,
  rest: Pick<CommandSpec, "summary" | "details" | "examples" | "exits">,
): CommandSpec {
  return {
    name,
    group: "Relay",
    ...rest,
    options: [CONFIG],
    async run(given, world) {
      const file = given.text("--config");
      await world.relay([
        ...(option === null ? [] : [option]),
        ...(file === undefined ? [] : ["--config", file]),
      ]);
      return undefined;
    },
  };
}

const RELAY_EXITS: NonNullable<CommandSpec["exits"]> = [
  [0, "stopped as asked, or the settings are valid"],
  [1, "failed"],
  [2, "wrong options or settings, or a folder or port that cannot be used"],
];

export const relayCommands: readonly CommandSpec[] = [
  relayCommand("serve", null, {
    summary: "run the relay",
    details: `It listens on 127.0.0.1:8080 and keeps its queue in ./data unless told otherwise. ${SETTINGS_NOTE}`,
    exits: RELAY_EXITS,
    examples: [
      { command: "gitlab-hook-relay serve", what: "no settings are needed" },
      {
        command: "RELAY_TARGET_URL=https://bot.internal/gitlab gitlab-hook-relay serve",
        what: "deliver everything to one target",
      },
      {
        command: "gitlab-hook-relay serve --config /etc/gitlab-hook-relay/relay.yaml",
        what: "with a file of settings",
      },
    ],
  }),
  relayCommand("check", "--check", {
    summary: "check the relay's settings and print every problem",
    exits: RELAY_EXITS,
    examples: [
      { command: "gitlab-hook-relay check --config relay.yaml", what: "before a restart, or in a pipeline" },
    ],
  }),
  relayCommand("print-config", "--print-config", {
    summary: "print the relay's settings in force, secrets masked",
    exits: RELAY_EXITS,
    examples: [{ command: "gitlab-hook-relay print-config", what: "as YAML, with every default" }],
  }),
];

/** The installer's own table, as options of this program. */
async function installerOptions(name: string): Promise<readonly OptionSpec[]> {
  const { OPTIONS } = await import("../../component/options/table.ts");
  return OPTIONS.filter((row) => row.commands.some((command) => command === name)).map((row) => ({
    name: `--${row.name}`,
    value: row.type === "boolean" ? null : row.choices === undefined ? row.type.toUpperCase() : "CHOICE",
    description: row.description.replace(/\.$/, ""),
    env: row.env,
    isList: row.type === "list",
    choices: row.choices,
  }));
}

const INSTALLER_EXITS: NonNullable<CommandSpec["exits"]> = [
  [0, "done, nothing failed"],
  [1, "some projects failed, or there was none to work on; the report says why"],
  [2, "bad options or settings, or a secret is missing that hooks would lose"],
  [3, "a dry run with --fail-on-drift found differences"],
  [75, "stopped early by a limit; the next run goes on from there"],
];

const SECRETS_NOTE =
  "Each option can also be given as its environment variable. Secrets come from the environment only, or from the file that NAME_FILE names: HOOKS_GITLAB_TOKEN, GITLAB_WEBHOOK_SECRET, GITLAB_WEBHOOK_SIGNING_TOKEN, GITLAB_WEBHOOK_MASTER_SECRET.";

function installerCommand(name: string, summary: string, examples: CommandSpec["examples"]): CommandSpec {
  return {
    name,
    group: "Installer",
    summary,
    details: SECRETS_NOTE,
    options: () => installerOptions(name),
    examples,
    exits: INSTALLER_EXITS,
    readsOwnLine: true,
    async run(given, world) {
      await world.installer([name, ...given.args]);
      return undefined;
    },
  };
}

export const installerCommands: readonly CommandSpec[] = [
  installerCommand(
    "install",
    "give every project of a group, or the group itself, exactly one healthy hook",
    [
      {
        command:
          "gitlab-hook-relay install --gitlab-url https://gitlab.example.com --group acme --url https://hooks.acme.dev/webhooks/gitlab --dry-run",
        what: "show the plan, change nothing",
      },
      {
        command:
          "gitlab-hook-relay install --gitlab-url https://gitlab.example.com --group acme --url https://hooks.acme.dev/webhooks/gitlab --events push,merge_requests",
        what: "apply it, for two kinds of events",
      },
    ],
  ),
  installerCommand("uninstall", "remove our hooks, only ours", [
    {
      command: "gitlab-hook-relay uninstall --gitlab-url https://gitlab.example.com --group acme --dry-run",
      what: "which hooks it would remove",
    },
  ]),
  installerCommand("recover", "deliver what GitLab logged as failed", [
    {
      command:
        "gitlab-hook-relay recover --gitlab-url https://gitlab.example.com --group acme --url https://hooks.acme.dev/webhooks/gitlab --since 6h",
      what: "what failed in the last six hours",
    },
  ]),
  installerCommand("schedule", "create or update the pipeline schedule that runs the component", [
    {
      command:
        "gitlab-hook-relay schedule --gitlab-url https://gitlab.example.com --project acme/hooks --ref main --cron '17 3 * * *'",
      what: "every night",
    },
  ]),
];
