/** Small pieces that the pages share: times, durations, sizes, states. Everything is escaped by hono/html. */
import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** A time that the page's script turns into "3 min ago"; without it, UTC to the second. */
export function when(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 19).replace("T", " ")}</time>`;
}

/** A time to the second, for lists: the page's script leaves today's date out. */
export function exactly(ms: number): Html {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}" data-as="exact" title="${iso}"
    >${iso.slice(0, 19).replace("T", " ")}</time
  >`;
}

/** Times of lib/utc.ts in a sentence. */
const UTC_TIME = /((?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d) UTC/;
const HALF_DAY_MS = 43_200_000;

/** A sentence whose times the page shows in the zone that is chosen. @param now wall clock; a time without its day is the nearest */
export function withTimes(text: string, now: number): (Html | string)[] {
  return text.split(UTC_TIME).map((part, index) => {
    if (index % 2 === 0) return part;
    if (part.length > 8) return exactly(Date.parse(`${part.replace(" ", "T")}Z`));
    const today = Date.parse(`${new Date(now).toISOString().slice(0, 10)}T${part}Z`);
    const days = Math.round((now - today) / (2 * HALF_DAY_MS));
    return exactly(today + days * 2 * HALF_DAY_MS);
  });
}

/** The minutes of a chart by their time, such as "07:20". */
export function hourNames(minutes: readonly { readonly at: number }[]): string[] {
  return minutes.map(({ at }) => new Date(at).toISOString().slice(11, 16));
}

/** "850 ms", "3.2 s", "4 min 10 s", "2 h 5 min", "3 d 4 h". */
export function duration(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 100) / 100} ms`;
  if (ms < 1000) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  const two = (large: number, unit: string, rest: number, small: string): string =>
    rest === 0 ? `${large} ${unit}` : `${large} ${unit} ${rest} ${small}`;
  const whole = Math.round(seconds);
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** "512 B", "10.2 KB", "1.4 GB" (powers of 1024). */
export function size(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KB", "MB", "GB"]) {
    if (value < 1024) return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TB`;
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  unrouted: "not matched yet",
  waiting: "waiting",
  sending: "sending",
  done: "delivered",
  dead: "dead letter",
  unmatched: "no target",
};

export function stateWord(state: string): string {
  return STATE_WORDS[state] ?? state;
}

/** A state as a word with a colour; never the colour alone. */
export function pill(state: string): Html {
  return html`<span class="pill ${state}">${stateWord(state)}</span>`;
}
