/** The command line of the relay. */
import { parseArgs } from "node:util";
import { ConfigError, messageOf } from "../../lib/errors.ts";

export const HELP = `gitlab-hook-relay: receives GitLab's webhooks, keeps them on stable storage, and delivers them

Usage: npm start -- [options]
       deno run -A relay/main.ts [options]

Options:
  --config FILE    settings; default: $RELAY_CONFIG, else ./relay.yaml where it exists
  --check          check the settings, print every problem, exit with 0 or 2
  --print-config   print the settings in force as YAML, secrets masked
  --help           print this
  --version        print the version

Nothing needs to be configured: without settings the relay listens on 127.0.0.1:8080, keeps its queue in ./data and makes
itself a secret token at the first start. docs/configuration.md lists all settings and environment variables.

Exit status: 0 stopped as asked, 1 failed, 2 wrong options or settings, or a folder or port that cannot be used.
`;

export interface RelayOptions {
  readonly action: "run" | "check" | "print-config" | "help" | "version";
  /** Value of --config. */
  readonly file: string | null;
}

/** Throws a ConfigError for anything that is not an option. */
export function parseOptions(argv: readonly string[]): RelayOptions {
  try {
    const { values } = parseArgs({
      args: [...argv],
      strict: true,
      options: {
        config: { type: "string" },
        check: { type: "boolean" },
        "print-config": { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
    const action = (["help", "version", "check", "print-config"] as const).find((name) => values[name]);
    if (values.config === "") throw new Error("--config needs the path of a file");
    return { action: action ?? "run", file: values.config ?? null };
  } catch (error) {
    throw new ConfigError([{ path: "", message: `${messageOf(error)} (--help lists the options)` }]);
  }
}
