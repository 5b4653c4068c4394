/**
 * Templates within a structure, such as the body of a request: each text in it may hold expressions, everything else stays as it is. The
 * result is data, never text put together, so that no value can break out of its place.
 */
import type { Problem } from "../../lib/errors.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Scope } from "./expression.ts";
import { compileTemplate } from "./template.ts";

export interface TemplateTree {
  /** The structure with its values. Throws an Error that names the place if the payload lacks what is asked for. */
  render(scope: Scope): unknown;
}

type Render = (scope: Scope) => unknown;

/** @param path where it stands in the settings, such as `body` */
export function compileTemplateTree(
  source: unknown,
  path: string,
): { readonly tree: TemplateTree } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const render = compileNode(source, path, problems);
  return problems.length === 0 ? { tree: { render } } : { problems };
}

function compileNode(source: unknown, path: string, problems: Problem[]): Render {
  if (typeof source === "string") return compileText(source, path, problems);
  if (Array.isArray(source)) {
    const items = source.map((item, index) => compileNode(item, `${path}.${index}`, problems));
    return (scope) => items.map((item) => item(scope));
  }
  if (typeof source === "object" && source !== null) {
    const fields = Object.entries(source).map(
      ([name, value]) => [name, compileNode(value, `${path}.${name}`, problems)] as const,
    );
    return (scope) => Object.fromEntries(fields.map(([name, field]) => [name, field(scope)]));
  }
  return () => source;
}

function compileText(source: string, path: string, problems: Problem[]): Render {
  const compiled = compileTemplate(source);
  if ("problem" in compiled) {
    problems.push({ path, message: compiled.problem });
    return () => null;
  }
  return (scope) => {
    try {
      return compiled.template.value(scope);
    } catch (error) {
      throw new Error(`${path}: ${messageOf(error).split("\n")[0]}`, { cause: error });
    }
  };
}
