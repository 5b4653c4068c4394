/** Where a command's report goes: report.json to standard output if that was asked for, and the files of `--report-dir`. */
import { ConfigError, messageOf, systemCode } from "../../lib/errors.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { World } from "./world.ts";

export interface Publishing {
  readonly world: Pick<World, "stdout" | "files">;
  readonly config: Pick<InstallerConfig, "output" | "reportDir">;
  readonly mask: (text: string) => string;
}

/** Throws ConfigError if the files cannot be written. */
export async function publish(
  { world, config, mask }: Publishing,
  files: ReadonlyMap<string, () => string>,
): Promise<void> {
  if (config.output === "json") world.stdout(files.get("report.json")?.() ?? "");
  if (config.reportDir === null) return;
  try {
    for (const [name, textOf] of files) {
      const text = textOf();
      // Paths and keys of report.json are no secrets; a mask over them would only break it.
      await world.files.write(`${config.reportDir}/${name}`, name === "report.json" ? text : mask(text));
    }
  } catch (error) {
    if (systemCode(error) === null) throw error;
    throw new ConfigError([{ path: "--report-dir (HOOKS_REPORT_DIR)", message: messageOf(error) }]);
  }
}
