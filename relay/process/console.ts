/** What standard output shows: lines of the log as JSON or for a person, and, for a person, where everything is. */
import { prettyLine } from "../../lib/pretty-line.ts";
import type { Config } from "../config/schema.ts";

export interface ConsoleHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person reads standard output. */
  readonly isTerminal: boolean;
}

/** Whether lines are written for a person; `auto`: on a terminal. */
function isPretty({ log: { format } }: Config, { isTerminal }: ConsoleHost): boolean {
  return format === "pretty" || (format === "auto" && isTerminal);
}

/** How standard output shows a finished line of the log. */
export function lineView(config: Config, host: ConsoleHost): (line: string) => string {
  if (!isPretty(config, host)) return (line) => line;
  const hasColour = host.isTerminal && (host.env["NO_COLOR"] ?? "") === "";
  return (line) => prettyLine(line, { hasColour });
}

export interface Places {
  readonly version: string;
  readonly webhooks: string;
  /** Logs in once. */
  readonly dashboard: string;
  readonly secret: string;
  /** Sends a first event. */
  readonly command: string;
}

/** Five lines for the person at the terminal. */
export function banner({ version, webhooks, dashboard, secret, command }: Places): string {
  return [
    `gitlab-hook-relay ${version}`,
    `  Webhooks   ${webhooks}`,
    `  Dashboard; this link logs you in once: ${dashboard}`,
    `  Secret     ${secret}`,
    `  Try it     ${command}`,
    "",
  ].join("\n");
}
