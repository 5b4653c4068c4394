/**
 * What pages and API leave out of what they show: text that looks like a credential (patterns of the settings) and values of
 * fields that are named like one. What is stored and delivered is never touched.
 */
import { cutMasked } from "../../../lib/cut.ts";
import { MASK } from "../../../lib/log.ts";
import { isOwnHeader } from "../../event/received-headers.ts";
import { maskPattern } from "../../../lib/mask-patterns.ts";

/** Characters of one text that are looked at and shown; the rest is cut off, and the text says so. */
const MAX_SHOWN = 131_072;

export interface Masking {
  /** The text with everything that a pattern matches replaced, cut to MAX_SHOWN characters. */
  text(text: string): string;
  /** A header's value as it may be shown. */
  header(name: string, value: string): string;
  /** The same of a received one: custom headers of a hook are credentials as often as not. */
  received(name: string, value: string): string;
  /** Whether the value of a field of this name is hidden. */
  isSecret(field: string): boolean;
}

export interface MaskSettings {
  /** Sources of regular expressions. */
  readonly patterns: readonly string[];
  /** Names in any case; of a header also as a part between dashes. */
  readonly fields: readonly string[];
}

/** Headers that carry credentials under their own names. */
const SECRET_HEADERS = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "webhook-signature",
  "x-api-key",
  "x-auth-token",
]);

export function createMasking(settings: MaskSettings): Masking {
  const patterns = settings.patterns.map(maskPattern);
  const fields = new Set(settings.fields.map((name) => name.toLowerCase()));
  const mask = (given: string): string =>
    patterns.reduce((left, pattern) => pattern.replaceAll(left, MASK), given);
  const text = (given: string): string => cutMasked(given, MAX_SHOWN, mask);
  const header = (name: string, value: string): string =>
    SECRET_HEADERS.has(name) || name.split("-").some((part) => fields.has(part)) ? MASK : text(value);
  return {
    text,
    header,
    received: (name, value) => (isOwnHeader(name) ? header(name, value) : MASK),
    isSecret: (field) => fields.has(field.toLowerCase()),
  };
}

/** The masking that the settings in force ask for; made anew only when they change. */
export function maskingOf(settings: () => MaskSettings): () => Masking {
  let made: { readonly from: MaskSettings; readonly masking: Masking } | null = null;
  return () => {
    const from = settings();
    if (made?.from !== from) made = { from, masking: createMasking(from) };
    return made.masking;
  };
}
