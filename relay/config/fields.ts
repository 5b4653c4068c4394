/** Building blocks of the settings' schema, shared by its parts. */
import { z } from "zod";
import { globProblem } from "../../lib/glob.ts";
import { decodeSigningToken } from "../../lib/signature.ts";

/** Marks a text that must never be shown. */
export const secret = (schema: z.ZodString): z.ZodString => schema.meta({ secret: true });

export const positive = z.number().positive();
export const count = z.number().int().min(1);

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
