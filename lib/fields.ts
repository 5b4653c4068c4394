/** Building blocks of a settings schema, shared by the folders that own a part of it. */
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

export const httpUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .refine(hasReadableUserInfo, {
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

export const filePath = z.string().min(1);
