/** Commands as completion scripts. Pure; nothing in them is asked of the program at completion time, which would cost a start. */
import type { OptionSpec } from "../command.ts";

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** What the first argument can be. */
  readonly words: readonly string[];
  readonly options: readonly OptionSpec[];
}

export type Shell = "bash" | "zsh" | "fish";

const PROGRAM = "gitlab-hook-relay";

export const SHELLS: ReadonlyMap<Shell, (commands: readonly CompletedCommand[]) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

/** Values that name files are completed by the shell. */
function isFile({ value }: OptionSpec): boolean {
  return value === "FILE";
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const words = commands.map(
    ({ name, words: first, options }) =>
      `    ${name}) words="${[...first, ...options.map((option) => option.name)].join(" ")}" ;;`,
  );
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      if (option.choices !== undefined)
        return [`    "${name} ${option.name}") values="${option.choices.join(" ")}" ;;`];
      if (isFile(option))
        return [`    "${name} ${option.name}") COMPREPLY=($(compgen -f -- "$current")); return ;;`];
      return option.value === null ? [] : [`    "${name} ${option.name}") return ;;`];
    }),
  );
  return `# bash completion of ${PROGRAM}: source <(${PROGRAM} completion bash)
_gitlab_hook_relay() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" words="" values=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} help --help --version" -- "$current"))
    return
  fi
  case "$command $previous" in
${values.join("\n")}
  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
    return
  fi
  case "$command" in
    help) words="${commands.map(({ name }) => name).join(" ")}" ;;
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _gitlab_hook_relay ${PROGRAM}
`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, words, options }) => {
    const specs = options.map((option) => `'${zshOption(option)}'`);
    const first = words.length === 0 ? "'*: :'" : `'1: :(${words.join(" ")})' '*: :'`;
    return `    ${name}) _arguments -s -S ${[...specs, first].join(" \\\n      ")} ;;`;
  });
  return `#compdef ${PROGRAM}
# zsh completion of ${PROGRAM}: save as _${PROGRAM} in a folder of fpath
_gitlab_hook_relay() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`).join("\n")}
    'help:explain a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
    help) _describe command commands ;;
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_${PROGRAM}" ]; then _gitlab_hook_relay "$@"; else compdef _gitlab_hook_relay ${PROGRAM}; fi
`;
}

function zshOption(option: OptionSpec): string {
  const { name, value, description, choices, isList } = option;
  const values = choices === undefined ? (isFile(option) ? "_files" : " ") : `(${choices.join(" ")})`;
  const repeat = isList === true ? "*" : "";
  const wants = value === null ? "" : `:${value.toLowerCase()}:${values}`;
  return `${repeat}${name}${value === null ? "" : "="}[${zshText(description)}]${wants}`;
}

/** Within single quotes and square brackets, and before a colon. */
function zshText(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&").replaceAll("'", "'\\''");
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const top = commands.map(
    ({ name, summary }) =>
      `complete -c ${PROGRAM} -n __fish_use_subcommand -a ${name} -d ${fishText(summary)}`,
  );
  const rest = commands.flatMap(({ name, words, options }) => {
    const when = `complete -c ${PROGRAM} -n '__fish_seen_subcommand_from ${name}'`;
    return [
      ...(words.length === 0 ? [] : [`${when} -a ${fishText(words.join(" "))}`]),
      ...options.map((option) => `${when} ${fishOption(option)} -d ${fishText(option.description)}`),
    ];
  });
  return `# fish completion of ${PROGRAM}: save as ${PROGRAM}.fish in ~/.config/fish/completions
complete -c ${PROGRAM} -f
${[...top, ...rest].join("\n")}
`;
}

function fishOption(option: OptionSpec): string {
  const long = `-l ${option.name.slice(2)}`;
  if (option.choices !== undefined) return `${long} -x -a ${fishText(option.choices.join(" "))}`;
  if (isFile(option)) return `${long} -r -F`;
  return option.value === null ? long : `${long} -x`;
}

function fishText(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
