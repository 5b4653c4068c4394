/**
 * The three families of errors. What fails outside (disk, Redis, GitLab, a target) is translated into one of them at the
 * adapter, so that no request, header or credential travels in a `cause`.
 */

export interface Problem {
  /** Where: a dotted path of the settings, an environment variable or an option. */
  readonly path: string;
  readonly message: string;
  /** `file:line:column`, if it is in a file. */
  readonly place?: string;
}

/** One problem on one line. */
export function problemText({ path, message, place }: Problem): string {
  const text = path === "" ? message : `${path}: ${message}`;
  return place === undefined ? text : `${text} (${place})`;
}

/** The operator can cure it: settings, folders, permissions. Programs print all problems and exit with 2. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config";
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(problemText).join("\n"));
    this.problems = problems;
  }
}

export interface UpstreamDetails {
  /** HTTP status, if there was an answer. */
  readonly status?: number;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
}

/** GitLab, a target or the storage failed. `code` is a fixed word that callers and metrics may switch on. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly code: string;
  readonly status: number | null;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  constructor(code: string, message: string, details: UpstreamDetails) {
    super(message);
    this.code = code;
    this.status = details.status ?? null;
    this.retryable = details.retryable;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** A bug of ours: a state that the code rules out. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
  readonly code = "invariant";
}

/** Message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `code` of a Node system error such as ENOSPC; null for anything else. */
export function systemCode(thrown: unknown): string | null {
  const code = thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : null;
}
