/** A template as a field of a settings schema: a mistake in it is found with the settings. */
import { z } from "zod";
import { compileTemplate } from "./template.ts";

export const templateText = z.string().superRefine((text, context) => {
  const compiled = compileTemplate(text);
  if ("problem" in compiled) context.addIssue({ code: "custom", message: compiled.problem });
});
