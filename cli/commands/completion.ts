/** `completion`: prints the script that completes commands, options and values in a shell. */
import { SHELLS, type CompletedCommand, type Shell } from "../completion/scripts.ts";
import { STATUS, type CommandSpec } from "../command.ts";

/** @param others every other command */
export function completion(others: readonly CommandSpec[]): CommandSpec {
  const spec: CommandSpec = {
    name: "completion",
    group: "Developing",
    summary: "print the script that completes commands and options in a shell",
    args: [{ name: "shell", description: "which shell", isRequired: true, choices: [...SHELLS.keys()] }],
    options: [],
    examples: [
      {
        command: "source <(gitlab-hook-relay completion bash)",
        what: "bash, this session; in ~/.bashrc: every session",
      },
      {
        command: "gitlab-hook-relay completion zsh > ~/.zfunc/_gitlab-hook-relay",
        what: "zsh, with ~/.zfunc in fpath before compinit",
      },
      {
        command: "gitlab-hook-relay completion fish > ~/.config/fish/completions/gitlab-hook-relay.fish",
        what: "fish",
      },
    ],
    async run(given, world) {
      const script = SHELLS.get(given.args[0] as Shell) as (commands: readonly CompletedCommand[]) => string;
      world.stdout(script(await Promise.all([...others, spec].map(completed))));
      return STATUS.done;
    },
  };
  return spec;
}

async function completed({ name, summary, args = [], options }: CommandSpec): Promise<CompletedCommand> {
  const all = typeof options === "function" ? await options() : options;
  return {
    name,
    summary,
    words: args[0]?.completions ?? args[0]?.choices ?? [],
    options: [...all, { name: "--help", value: null, description: "print this" }],
  };
}
