/** Building blocks of a settings schema, shared by the folders that own a part of it. */
import { isIPv6 } from "node:net";
import { z } from "zod";
import { globProblem } from "./glob.ts";
import { decodeSigningToken } from "./signature.ts";

/** Marks a text that must never be shown. */
export const secret = (schema: z.ZodString): z.ZodString => schema.meta({ secret: true });

/** A number above 0. */
export const positive = z.number().positive();
/** A whole number from 1. */
export const atLeastOne = z.number().int().min(1);

export const signingToken = secret(
  z.string().refine((token) => decodeSigningToken(token) !== null, {
    error: "must be whsec_ followed by the base64 form of 24 to 64 bytes",
  }),
);

/** A glob of path_with_namespace, or an id. */
export const projectPattern = z.union([
  z.string().min(1).superRefine(checkGlob),
  z.number().int().positive(),
]);

/** A glob, perhaps behind `!`. */
export const globPattern = z.string().min(1).superRefine(checkGlob);

function checkGlob(text: string, context: z.RefinementCtx): void {
  const problem = globProblem(text.startsWith("!") && !text.startsWith("!(") ? text.slice(1) : text);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}

/** A list that holds something: a list without entries is a mistake, since leaving it out means "no restriction". */
export const listOf = <T extends z.ZodType>(item: T): z.ZodArray<T> =>
  z.array(item).min(1, { error: "is empty; leave it out for no restriction" });

/** For a check that has words of its own: what is left out is said to be required, not to have the wrong form. */
export const orRequired =
  (message: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    input === undefined ? `is required; it ${message}` : message;

/** An http or https URL, with nothing said of its parts. */
export const plainUrl = z.url({ protocol: /^https?$/, error: orRequired("must be an http or https URL") });

export const httpUrl = plainUrl.refine(hasReadableUserInfo, {
  error: "has a user or password with a % that begins no code; write % as %25",
});

function hasReadableUserInfo(text: string): boolean {
  // What is no URL has been told by the check before this one.
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

/** What a server can listen on. The name need not be known: that is for the system to say. */
export const hostAddress = z.string().min(1).refine(isListenable, {
  error: "must be an IP address or the name of a host, such as 0.0.0.0",
});

function isListenable(host: string): boolean {
  // That it is empty has been told by the check before this one.
  return host === "" || isIPv6(host) || (/^[\w.-]+$/.test(host) && URL.canParse(`http://${host}`));
}

export const filePath = z.string().min(1);
