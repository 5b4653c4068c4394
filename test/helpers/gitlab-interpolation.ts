/**
 * What GitLab's interpolation makes of a value inside a longer text, for the tests: Ruby's `to_s` of it, put in by `gsub`, which
 * reads backslashes in the replacement once more (lib/gitlab/ci/config/interpolation/template.rb).
 */

/** Ruby's `inspect` of what YAML can hold: texts, numbers, booleans, nil, lists and maps. */
export function rubyInspect(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string") return inspectText(value);
  if (Array.isArray(value)) return `[${value.map(rubyInspect).join(", ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).map(([key, item]) => `${inspectText(key)}=>${rubyInspect(item)}`);
    return `{${pairs.join(", ")}}`;
  }
  return String(value as number | boolean);
}

/** Ruby's `to_s`: a text as it is, anything else as `inspect` shows it. */
export function rubyText(value: unknown): string {
  return typeof value === "string" ? value : rubyInspect(value);
}

const ESCAPES = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\u001b", "\\e"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);

function inspectText(text: string): string {
  const characters = [...text];
  const shown = characters.map((character, index) => {
    const next = characters[index + 1] ?? "";
    if (character === "#" && /^[{$@]$/.test(next)) return "\\#";
    return ESCAPES.get(character) ?? (prints(character) ? character : escapeOf(character));
  });
  return `"${shown.join("")}"`;
}

/** Onigmo's `print`: graphic characters and blanks, as Unicode classes have them. */
function prints(character: string): boolean {
  return !/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(character);
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = code.toString(16).toUpperCase();
  if (code === 0x7f) return "\\x7F";
  return code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
}

/** `text.gsub(block, replacement)` of Ruby, for a block that is a text. */
export function rubyGsub(text: string, block: string, replacement: string): string {
  return text.replaceAll(block, (match, offset: number) =>
    replacement.replace(/\\([\\0&`'1-9])/g, (_, reference: string) => {
      switch (reference) {
        case "\\":
          return "\\";
        case "0":
        case "&":
          return match;
        case "`":
          return text.slice(0, offset);
        case "'":
          return text.slice(offset + match.length);
        default:
          return "";
      }
    }),
  );
}
