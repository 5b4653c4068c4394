/** The last hour's figures as a file of the relay's own data folder, for both drivers: relays on one Redis have their own figures. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import type { LastHour } from "../last-hour.ts";
import { readOrNull, type FolderGuard } from "./small-files.ts";

export function createFilesLastHour(folder: string, guard: FolderGuard): LastHour {
  const path = join(folder, "last-hour.json");
  const failure = (error: unknown): UpstreamError =>
    new UpstreamError("storage", `${path}: ${messageOf(error)}`, { retryable: true });
  return {
    async read() {
      try {
        return await readOrNull(path);
      } catch (error) {
        throw failure(error);
      }
    },
    async write(text) {
      try {
        await guard();
        await mkdir(folder, { recursive: true });
        await writeFile(`${path}.draft`, text, { mode: 0o600 });
        await rename(`${path}.draft`, path);
      } catch (error) {
        throw failure(error);
      }
    },
  };
}
