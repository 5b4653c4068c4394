/** Texts of strangers (GitLab, a receiver, a proxy) as one line that a terminal and a job log show literally. */

/**
 * Control characters, among them the escapes that a terminal obeys, line and paragraph separators, and the marks that make a
 * terminal show text in another order than it has.
 */
// oxlint-disable-next-line no-control-regex
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\u200e\u200f\ufeff]+/gu;
const LINE_ENDS_AND_TABS = /[\t\r\n\u0085\u2028\u2029]+/gu;

/** The text without line ends and control characters, which would forge lines of a log or move a terminal's cursor. */
export function oneLine(text: string): string {
  return text.replace(LINE_ENDS_AND_TABS, " ").replace(UNSHOWN, "");
}
