/** Texts from outside, cut to a length before they are logged, masked or shown. */

/** Secrets up to this length never show in part at the end of a cut text. */
const OVERLAP = 4096;

/** The text, or its beginning and a word on how long it was. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : marked(text.slice(0, limit), text.length);
}

/**
 * As cut(), masked first: a secret that lies across the end shows neither whole nor in part. Only the beginning of the text is
 * looked at, whatever its length.
 */
export function cutMasked(text: string, limit: number, mask: (text: string) => string): string {
  if (text.length <= limit) return mask(text);
  const whole = text.length <= limit + OVERLAP;
  const masked = mask(whole ? text : text.slice(0, limit + OVERLAP));
  // The end of the masked beginning may hold the beginning of a secret that was cut through.
  return marked(
    masked.slice(0, whole ? limit : Math.min(limit, Math.max(0, masked.length - OVERLAP))),
    text.length,
  );
}

function marked(beginning: string, length: number): string {
  return `${wellFormed(beginning)}… (${length} characters)`;
}

/** Halves of a surrogate pair replaced, as every encoder does. */
export function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}
