/** What the file system says, in the words of the errors that the journal's users know. */
import { ConfigError, messageOf, systemCode, UpstreamError } from "../../../lib/errors.ts";

/** How long a refused sender should wait: long enough for a sync, short beside what an operator needs. */
const RETRY_AFTER_MS = 10_000;

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const FORBIDDEN = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EEXIST"]);

/** `disk-full` or `storage`, worth trying again; what already is an UpstreamError stays as it is. */
export function storageError(action: string, thrown: unknown): UpstreamError {
  if (thrown instanceof UpstreamError) return thrown;
  const code = FULL.has(systemCode(thrown) ?? "") ? "disk-full" : "storage";
  return journalRefusal(code, `Cannot ${action}: ${messageOf(thrown)}`);
}

export function journalRefusal(code: "disk-full" | "queue-full" | "storage", message: string): UpstreamError {
  return new UpstreamError(code, message, { retryable: true, retryAfterMs: RETRY_AFTER_MS });
}

/** Of a journal, and of what is built on one: another relay may take what this one no longer does. */
export function storageClosed(): UpstreamError {
  return new UpstreamError("closed", "The storage is closed", { retryable: true });
}

/** A later version wrote the entry at `offset` of the segment's file. */
export function laterVersionError(base: string, segment: string, offset: number, type: number): ConfigError {
  return new ConfigError([
    {
      path: "",
      message:
        `Cannot open the journal in "${base}": a later version of the relay wrote to it (type ${type} at byte ${offset} of ` +
        `"${segment}"). No file was changed. Start the version that wrote it, or restore a backup of the data folder`,
    },
  ]);
}

/** What went wrong while opening: a ConfigError if an operator must cure it, otherwise an UpstreamError. */
export function openingError(base: string, thrown: unknown): Error {
  if (thrown instanceof ConfigError || thrown instanceof UpstreamError) return thrown;
  if (FORBIDDEN.has(systemCode(thrown) ?? "")) {
    return new ConfigError([
      { path: "", message: `Cannot write to the journal's folder "${base}": ${messageOf(thrown)}` },
    ]);
  }
  return storageError(`open the journal in "${base}"`, thrown);
}
