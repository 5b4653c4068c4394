/**
 * A log line for a person at a terminal: one short coloured line in place of the JSON. Texts of a line come from anybody, so that no
 * sign in them may steer the terminal.
 */

export interface PrettyOptions {
  readonly hasColour: boolean;
}

/** Escape codes of the levels: dim, none, yellow, red. */
const COLOURS: ReadonlyMap<unknown, string> = new Map([
  ["debug", "\u001b[2m"],
  ["warn", "\u001b[33m"],
  ["error", "\u001b[31m"],
]);
const DIM = "\u001b[2m";
const BOLD = "\u001b[1m";
const RESET = "\u001b[0m";
/** Characters that one value of a line shows. */
const MAX_VALUE = 300;
/** Columns of the name of the event, so that what follows stands below each other. */
const EVENT_COLUMNS = 22;

/** `14:02:33 webhook.accepted      push  id=01m8...`; a line that is no JSON object stays as it is. */
export function prettyLine(line: string, { hasColour }: PrettyOptions): string {
  const fields = parsed(line);
  if (fields === null) return line;
  const { time, level, event, ...rest } = fields;
  const paint = (code: string, text: string): string => (hasColour ? `${code}${text}${RESET}` : text);
  const clock = typeof time === "string" ? time.slice(11, 19) : "--:--:--";
  const name = plain(String(event)).padEnd(EVENT_COLUMNS);
  const colour = COLOURS.get(level);
  const tag = level === "warn" || level === "error" ? `${String(level)} ` : "";
  const values = Object.entries(rest).map(
    ([field, value]) => `${paint(DIM, `${plain(field)}=`)}${shown(value)}`,
  );
  const head = colour === undefined ? paint(BOLD, name) : paint(colour, `${tag}${name}`);
  return `${[paint(DIM, clock), head, ...values].join(" ").trimEnd()}\n`;
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch (error) {
    // Masking may have torn the line.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A word as it is, a text in quotes, anything else as JSON; never longer than MAX_VALUE. */
function shown(value: unknown): string {
  const text = typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return plain(text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text);
}

/** Without signs that move the cursor, change colours or turn the direction of writing. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}
