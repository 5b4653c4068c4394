import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PROGRAM_COMMANDS } from "../../cli/commands.ts";
import { FILTERS } from "../../cli/filters.ts";
import { readCommandLine } from "../../component/options/command-line.ts";
import { COMMANDS } from "../../component/options/row.ts";
import { FILTER_NAMES } from "../../relay/admin/api/query.ts";
import { readSources } from "../../scripts/structure/sources.ts";
import { readArguments, runCli } from "../helpers/cli.ts";
import { ROOT } from "../helpers/relay-process.ts";
import { COMPILE_CACHE } from "../helpers/runtimes.ts";

const INSTALLER: readonly string[] = COMMANDS;

describe("runCommandLine() reads names", () => {
  test.each([
    [["evnts"], "Did you mean events?"],
    [["events", "--stat", "dead"], "Did you mean --state?"],
    [["serve", "--confg", "x"], "Did you mean --config?"],
    [
      ["events", "--state", "ded"],
      '--state must be one of unrouted, waiting, sending, done, dead, unmatched, not "ded"; did you mean dead?',
    ],
    [["events", "--state", "dead,waitng"], 'not "waitng"; did you mean waiting?'],
    [["events", "--state", "elsewhere"], 'unmatched, not "elsewhere"'],
    [["targets", "pauze", "a"], "did you mean pause?"],
    [["send", "merge_requst"], "did you mean merge_request?"],
    [["events", "--state"], "argument missing"],
    [["completion", "tcsh"], 'shell must be one of bash, zsh, fish, not "tcsh"'],
    [["events", "a", "b"], "too many arguments"],
  ])("%j is refused with 2 and a hint", async (argv, hint) => {
    const { status, stderr } = await runCli(argv);
    expect(status).toBe(2);
    expect(stderr).toContain(hint);
  });

  test("no command is refused with 2 and the list of commands", async () => {
    const { status, stderr } = await runCli([]);
    expect(status).toBe(2);
    for (const { name } of PROGRAM_COMMANDS) expect(stderr).toContain(`  ${name} `);
  });

  test("--version prints the version alone", async () => {
    expect(await runCli(["--version"])).toMatchObject({ status: 0, stdout: "1.2.3\n", stderr: "" });
  });

  test.each(PROGRAM_COMMANDS.map(({ name }) => name))(
    "%s --help shows options, examples and statuses",
    async (name) => {
      const { status, stdout } = await runCli([name, "--help"]);
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: gitlab-hook-relay ${name}`);
      expect(stdout).toContain("Examples:\n  # ");
      expect(stdout).toContain("Exit status:\n");
      expect((await runCli(["help", name])).stdout).toBe(stdout);
    },
  );

  const examples = PROGRAM_COMMANDS.flatMap(({ name, examples: own }) =>
    own.map(({ command }) => [command, name] as const),
  );

  test.each(examples)("the example is read: %s", async (command, name) => {
    const [, text = ""] = /gitlab-hook-relay ([^>)]+)/.exec(command) ?? [];
    const argv = [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
    const { call, stderr } = await readArguments(argv);
    expect(stderr).toBe("");
    expect(call).toMatchObject({ spec: { name } });
    if (INSTALLER.includes(name)) expect(readCommandLine(argv).problems).toEqual([]);
  });
});

describe("the relay and the installer are run as they are", () => {
  test.each([
    [["serve"], []],
    [
      ["serve", "--config", "x.yaml"],
      ["--config", "x.yaml"],
    ],
    [
      ["check", "--config=x.yaml"],
      ["--check", "--config", "x.yaml"],
    ],
    [["print-config"], ["--print-config"]],
  ])("%j", async (argv, handed) => {
    expect(await runCli(argv)).toMatchObject({ status: undefined, relay: [handed], installer: [] });
  });

  test.each([
    [["install", "--gruop", "x", "--no-dry-run", "--", "a"]],
    [["recover", "-h-is-no-help", "--since=6h"]],
    [["schedule"]],
    [["--group", "acme", "uninstall"]],
  ])("the installer gets %j unread", async (argv) => {
    expect(await runCli(argv)).toMatchObject({ status: undefined, relay: [], installer: [argv] });
  });

  test("every command of the installer is one of the program", () => {
    const names = PROGRAM_COMMANDS.filter(({ readsOwnLine }) => readsOwnLine).map(({ name }) => name);
    expect(names).toEqual([...COMMANDS]);
  });

  test("nothing in cli/ loads the relay or the installer before it is asked for", () => {
    const early = readSources("cli").flatMap(({ file }) =>
      [
        ...readFileSync(`${ROOT}${file}`, "utf8").matchAll(
          /^import (?!type ).*"((?:\.\.\/)+(?:relay|component)\/.*)"/gm,
        ),
      ].map((match) => `${file}: ${match[1]}`),
    );
    expect(early).toEqual([]);
  });
});

test("FILTERS are the filters of the admin API", () => {
  expect(FILTERS.map(({ parameter }) => parameter)).toEqual([...FILTER_NAMES]);
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])("the script for %s names every command and option", async (shell) => {
    const { status, stdout } = await runCli(["completion", shell]);
    expect(status).toBe(0);
    for (const { name } of PROGRAM_COMMANDS) expect(stdout).toContain(name);
    for (const option of ["chunk-size", "fail-on-drift", "token-file", "state"])
      expect(stdout).toContain(option);
  });

  /** Shells that a machine may lack: not among the tools that the gate asks for. */
  const isInstalled = (shell: string): boolean => spawnSync(shell, ["--version"]).status === 0;

  test.runIf(isInstalled("zsh"))("zsh reads its script", async () => {
    const { stdout } = await runCli(["completion", "zsh"]);
    expect(spawnSync("zsh", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  test.runIf(isInstalled("fish"))("fish completes commands and choices", async () => {
    const { stdout } = await runCli(["completion", "fish"]);
    const complete = (line: string): string[] => {
      const found = spawnSync("fish", ["--no-config", "-c", `${stdout}\ncomplete -C "${line}"`], {
        encoding: "utf8",
      });
      return found.stdout
        .trim()
        .split("\n")
        .map((text) => text.split("\t")[0] as string);
    };
    expect(complete("gitlab-hook-relay rep")).toEqual(["replay", "replays"]);
    expect(complete("gitlab-hook-relay events --state d")).toEqual(["dead", "done"]);
    expect(complete("gitlab-hook-relay targets p")).toEqual(["pause", "preview"]);
  });

  test("bash completes commands, options, choices and actions", async () => {
    const { stdout } = await runCli(["completion", "bash"]);
    const complete = (...words: string[]): string[] => {
      const quoted = words.map((word) => `'${word}'`).join(" ");
      const script = `${stdout}\nCOMP_WORDS=(gitlab-hook-relay ${quoted}); COMP_CWORD=${words.length}; _gitlab_hook_relay; echo "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim().split(" ");
    };
    expect(complete("rep")).toEqual(["replay", "replays"]);
    expect(complete("events", "--sta")).toEqual(["--state", "--status"]);
    expect(complete("events", "--state", "d")).toEqual(["done", "dead"]);
    expect(complete("targets", "p")).toEqual(["pause", "preview"]);
    expect(complete("send", "merge")).toEqual(["merge_request"]);
    expect(complete("install", "--level", "g")).toEqual(["group"]);
  });
});

test("bin/gitlab-hook-relay.js runs the relay's check and the installer's refusal with their statuses", () => {
  const { PATH = "", HOME = "" } = process.env;
  const run = (args: readonly string[]) =>
    spawnSync(process.execPath, [`${ROOT}bin/gitlab-hook-relay.js`, ...args], {
      encoding: "utf8",
      env: { PATH, HOME, ...COMPILE_CACHE },
    });
  expect(run(["check"])).toMatchObject({ status: 0, stdout: expect.stringContaining("valid") as string });
  const refused = run(["install", "--gruop", "x"]);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain("--gruop: unknown option; did you mean --group?");
});
