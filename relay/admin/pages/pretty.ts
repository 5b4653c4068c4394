/**
 * JSON for the eye, without parsing it into values: digits of large numbers stay as they were sent, and neither depth nor size
 * matters. Values of fields that are named like secrets are masked on the way.
 */
import { MASK } from "../../../lib/log.ts";

export type TokenKind = "key" | "string" | "number" | "word" | "mark" | "space";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** Deeper levels are no longer indented further. */
const MAX_INDENT = 24;
const LEXEME = /"(?:[^"\\]|\\[\s\S])*"?|-?\d[\d.eE+-]*|[A-Za-z]+|[{}[\],:]|\s+|[\s\S]/g;

/**
 * The text as indented tokens, in order. Joined they are the pretty-printed JSON; what is no JSON comes through as it is.
 * @param isSecret whether the value of a field of this name is masked
 */
export function* prettyTokens(json: string, isSecret: (name: string) => boolean): Generator<Token> {
  let depth = 0;
  /** The closing bracket that comes next, of an empty object or list. */
  let pending: string | null = null;
  let hidden = false;
  const lexemes = json.matchAll(LEXEME);
  const significant: { done: boolean; text: string } = { done: false, text: "" };
  const advance = (): void => {
    for (;;) {
      const next = lexemes.next();
      significant.done = next.done === true;
      if (next.done === true) return;
      significant.text = next.value[0];
      if (significant.text.trim() !== "") return;
    }
  };
  const line = (): Token => ({ kind: "space", text: `\n${"  ".repeat(Math.min(depth, MAX_INDENT))}` });

  advance();
  while (!significant.done) {
    const text = significant.text;
    advance();
    const next = significant.done ? "" : significant.text;
    if (text === "{" || text === "[") {
      hidden = false;
      yield { kind: "mark", text };
      if (next === "}" || next === "]") {
        pending = next;
        continue;
      }
      depth += 1;
      yield line();
    } else if (text === "}" || text === "]") {
      if (pending !== text) {
        depth = Math.max(0, depth - 1);
        yield line();
      }
      yield { kind: "mark", text };
    } else if (text === ",") {
      yield { kind: "mark", text };
      yield line();
    } else if (text === ":") {
      yield { kind: "mark", text };
      yield { kind: "space", text: " " };
    } else if (text.startsWith('"') && next === ":") {
      hidden = isSecret(text.slice(1, -1));
      yield { kind: "key", text };
    } else if (text.startsWith('"')) {
      yield { kind: "string", text: hidden && text !== '""' ? `"${MASK}"` : text };
      hidden = false;
    } else {
      const kind = /^[-\d]/.test(text) ? "number" : /^[A-Za-z]/.test(text) ? "word" : "mark";
      yield { kind, text: hidden && kind === "number" ? MASK : text };
      hidden = false;
    }
    pending = null;
  }
}

/** The text with the values of secret fields masked and everything else left as it is. Looks at each character once. */
export function maskFields(json: string, isSecret: (name: string) => boolean): string {
  let masked = "";
  /** The string before, while nothing but space and a colon came after it. */
  let name: string | null = null;
  let isValue = false;
  for (const [lexeme] of json.matchAll(LEXEME)) {
    const isString = lexeme.startsWith('"');
    const isHidden =
      isValue && name !== null && isSecret(name) && ((isString && lexeme !== '""') || /^-?\d/.test(lexeme));
    masked += isHidden ? `"${MASK}"` : lexeme;
    if (lexeme.trim() === "") continue;
    if (lexeme === ":" && name !== null) {
      isValue = true;
      continue;
    }
    name = isString && !isValue ? lexeme.slice(1, -1) : null;
    isValue = false;
  }
  return masked;
}
