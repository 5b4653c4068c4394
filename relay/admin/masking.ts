/**
 * What pages and API leave out of what they show: text that looks like a credential (patterns of the settings) and values of
 * fields that are named like one. What is stored and delivered is never touched.
 */
import { MASK } from "../../lib/log.ts";

export interface Masking {
  /** The text with everything that a pattern matches replaced. */
  text(text: string): string;
  /** A header's value as it may be shown. */
  header(name: string, value: string): string;
  /** A parsed JSON value in which texts are masked and fields that are named like secrets hidden. */
  json(value: unknown): unknown;
}

export interface MaskSettings {
  /** Sources of regular expressions. */
  readonly patterns: readonly string[];
  /** Names in any case; of a header also as a part between dashes. */
  readonly fields: readonly string[];
}

/** Headers that carry credentials under names of their own. */
const SECRET_HEADERS = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "webhook-signature",
  "x-api-key",
  "x-auth-token",
]);

export function createMasking(settings: MaskSettings): Masking {
  const patterns = settings.patterns.map((source) => new RegExp(source, "g"));
  const fields = new Set(settings.fields.map((name) => name.toLowerCase()));
  const text = (given: string): string => {
    let masked = given;
    for (const pattern of patterns) masked = masked.replace(pattern, MASK);
    return masked;
  };
  const json = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(json);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        text(name),
        fields.has(name.toLowerCase()) && isFilledIn(inner) ? MASK : json(inner),
      ]),
    );
  };
  return {
    text,
    json,
    header: (name, value) =>
      SECRET_HEADERS.has(name) || name.split("-").some((part) => fields.has(part)) ? MASK : text(value),
  };
}

/** Nothing is learnt from an empty value, but that it is empty. */
function isFilledIn(value: unknown): boolean {
  return (typeof value === "string" && value !== "") || typeof value === "number";
}
