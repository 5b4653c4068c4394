/**
 * Structured log: one JSON line per fact, `time level event` first, then ids. `event` is a fixed dotted word
 * (`webhook.accepted`). Secrets are registered once and masked by value on the finished line, wherever they stand. Texts of
 * long lines are cut, so that no sender decides how long a line is worked on.
 */
import { pino } from "pino";
import { cutMasked, wellFormed } from "./cut.ts";
import { maskPattern } from "./mask-patterns.ts";
import type { Pattern } from "./pattern.ts";

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
  /** Sets the shapes of secrets that no setting holds (see lib/mask-patterns.ts); earlier ones no longer count. */
  setPatterns(sources: readonly string[]): void;
  mask(text: string): string;
}

const SHORTEST_MASKED = 4;

export function createSecrets(): Secrets {
  const known = new Set<string>();
  let pattern: RegExp | null = null;
  let shapes: readonly Pattern[] = [];
  const forms = (value: string): string[] => [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(wellFormed(value)),
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
      shapes = sources.map(maskPattern);
    },
    mask(text) {
      let masked = pattern === null ? text : text.replace(pattern, MASK);
      for (const shape of shapes) masked = shape.replaceAll(masked, MASK);
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
      hooks: { streamWrite: (line) => finished(line, options.secrets) },
    },
    { write: options.write },
  );
  const wrap = (logger: typeof root): Log => ({
    // Lines that are not written are asked for with every event.
    debug: (event, fields) => void (logger.isLevelEnabled("debug") && logger.debug({ event, ...fields })),
    info: (event, fields) => void (logger.isLevelEnabled("info") && logger.info({ event, ...fields })),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
    child: (fields) => wrap(logger.child(fields)),
  });
  return { ...wrap(root), setLevel: (level) => (root.level = level) };
}

/** Longer lines have their texts cut; no line is longer than a few times this. */
const LONG_LINE = 16_384;
/** Characters that a text of a long line keeps, tried one after another until the line fits. */
const TEXT_LIMITS = [2000, 200, 40] as const;

/** The line as it is written: of bounded length, since others write what stands in it, and masked. */
function finished(line: string, secrets: Secrets): string {
  if (line.length <= LONG_LINE) return secrets.mask(line);
  const fields = JSON.parse(line) as Record<string, unknown>;
  const mask = (text: string): string => secrets.mask(text);
  for (const limit of TEXT_LIMITS) {
    const cut = JSON.stringify(withCutTexts(fields, (text) => cutMasked(text, limit, mask)));
    if (cut.length <= LONG_LINE) return secrets.mask(`${cut}\n`);
  }
  const { level, time, event } = fields;
  const note = `its fields are left out: the line had ${line.length} characters`;
  return secrets.mask(
    `${JSON.stringify({ level, time, event: cutMasked(String(event), 200, mask), note })}\n`,
  );
}

function withCutTexts(value: unknown, cut: (text: string) => string): unknown {
  if (typeof value === "string") return cut(value);
  if (Array.isArray(value)) return value.map((item) => withCutTexts(item, cut));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withCutTexts(field, cut)]));
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
