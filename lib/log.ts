/**
 * Structured log: one JSON line per fact, `time level event` first, then ids. `event` is a fixed dotted word
 * (`delivery.failed`). Secrets are registered once and masked by value on the finished line, wherever they stand.
 */
import { pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose lines carry these fields too. */
  child(fields: LogFields): Log;
}

export const MASK = "***";

/** The secrets of a running program. Short values are not masked: they would tear ordinary words apart. */
export interface Secrets {
  add(values: Iterable<string>): void;
  /** Sets the shapes of secrets that nobody registered, as sources of regular expressions; earlier ones no longer count. */
  setPatterns(sources: readonly string[]): void;
  mask(text: string): string;
}

const SHORTEST_MASKED = 4;

export function createSecrets(): Secrets {
  const known = new Set<string>();
  let pattern: RegExp | null = null;
  let shapes: readonly RegExp[] = [];
  const forms = (value: string): string[] => [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
  ];
  return {
    add(values) {
      for (const value of values)
        if (value.length >= SHORTEST_MASKED) for (const form of forms(value)) known.add(form);
      const longestFirst = [...known].sort((a, b) => b.length - a.length);
      const escaped = longestFirst.map((s) => s.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      pattern = escaped.length === 0 ? null : new RegExp(escaped.join("|"), "g");
    },
    setPatterns(sources) {
      shapes = sources.map((source) => new RegExp(source, "g"));
    },
    mask(text) {
      let masked = pattern === null ? text : text.replace(pattern, MASK);
      for (const shape of shapes) masked = masked.replace(shape, MASK);
      return masked;
    },
  };
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly secrets: Secrets;
  /** Receives each finished, masked line with its line end. */
  readonly write: (line: string) => void;
  /** Fields of every line, such as `program`. */
  readonly base?: LogFields;
}

export interface RootLog extends Log {
  setLevel(level: LogLevel): void;
}

export function createLog(options: LogOptions): RootLog {
  const root = pino(
    {
      level: options.level,
      base: options.base ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => options.secrets.mask(line) },
    },
    { write: options.write },
  );
  const wrap = (logger: typeof root): Log => ({
    // Lines that nobody wants are asked for with every event.
    debug: (event, fields) => void (logger.isLevelEnabled("debug") && logger.debug({ event, ...fields })),
    info: (event, fields) => void (logger.isLevelEnabled("info") && logger.info({ event, ...fields })),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
    child: (fields) => wrap(logger.child(fields)),
  });
  return { ...wrap(root), setLevel: (level) => (root.level = level) };
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/** An address as it may be shown: no user info, no query, no fragment. */
export function shownUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  } catch {
    return "(not a URL)";
  }
}
