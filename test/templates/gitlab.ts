/**
 * What GitLab does with a component's template, for the tests: the checks on inputs and their interpolation into the
 * configuration. Follows the rules that hold from 17.0 on (lib/gitlab/ci/config/interpolation in GitLab's sources): a value that
 * is nothing but one block keeps the input's type, a block inside of a longer string becomes text, and a list becomes text as
 * Ruby shows it.
 */
import { rubyGsub, rubyText } from "../helpers/gitlab-interpolation.ts";
import { parseTemplate, type Input, type Template } from "../../scripts/docs/inputs.ts";

export type InputValues = Readonly<Record<string, unknown>>;

/** What an interpolated job may hold, as far as the tests look at it. */
export interface Job {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly script: readonly string[];
  readonly rules: readonly { readonly if?: string; readonly variables?: Readonly<Record<string, string>> }[];
  readonly [keyword: string]: unknown;
}

const BLOCK = /\$\[\[\s*(\S.*?\S)\s*\]\]/g;

/** What is wrong with a value for this input; null where nothing is. */
export function inputProblem(name: string, input: Input, value: unknown): string | null {
  if (value === undefined) return `\`${name}\` input: required value has not been provided`;
  const type = Array.isArray(value) ? "array" : typeof value;
  if (type !== input.type) return `\`${name}\` input: provided value is not a ${input.type}`;
  if (input.options !== undefined && !input.options.includes(value as string)) {
    return `\`${name}\` input: \`${String(value)}\` cannot be used because it is not in the list of allowed options`;
  }
  if (input.regex !== undefined && !new RegExp(input.regex).test(value as string)) {
    return `\`${name}\` input: provided value does not match required RegEx pattern`;
  }
  return null;
}

/** Names of the inputs that a text refers to. */
export function blocksOf(text: string): string[] {
  return [...text.matchAll(BLOCK)].map((match) => {
    const [access, ...functions] = (match[1] as string).split("|").map((s) => s.trim());
    if (functions.length > 0) throw new Error(`"${match[0]}" uses functions`);
    return (access as string).replace(/^inputs\./, "");
  });
}

function interpolateNode(node: unknown, value: (name: string) => unknown): unknown {
  if (typeof node === "string") {
    const block = node.match(BLOCK)?.[0];
    if (block === undefined) return node;
    // GitLab looks at the first block of a text only.
    const inserted = value(blocksOf(block)[0] as string);
    return block === node ? inserted : rubyGsub(node, block, rubyText(inserted));
  }
  if (Array.isArray(node)) return node.map((item) => interpolateNode(item, value));
  if (typeof node === "object" && node !== null) {
    return Object.fromEntries(
      Object.entries(node).map(([key, item]) => [
        String(interpolateNode(key, value)),
        interpolateNode(item, value),
      ]),
    );
  }
  return node;
}

function valueIn(template: Template, values: InputValues): (name: string) => unknown {
  for (const name of Object.keys(values)) {
    if (!template.inputs.has(name)) throw new Error(`unknown input arguments: ${name}`);
  }
  return (name) => {
    const input = template.inputs.get(name);
    if (input === undefined) throw new Error(`unknown interpolation key: \`${name}\``);
    return values[name] ?? input.default;
  };
}

/**
 * The jobs that a pipeline gets from the template, with what they extend, without hidden ones. Throws with GitLab's words where it
 * refuses a value.
 */
export function render(templateYamlText: string, values: InputValues): ReadonlyMap<string, Job> {
  const template = parseTemplate(templateYamlText);
  const value = valueIn(template, values);
  for (const [name, input] of template.inputs) {
    const problem = inputProblem(name, input, value(name));
    if (problem !== null) throw new Error(problem);
  }
  const all = new Map(Object.entries(interpolateNode(template.configuration, value) as Record<string, Job>));
  const jobs = [...all].filter(([name]) => !name.startsWith("."));
  return new Map(jobs.map(([name, job]) => [name, extended(all, job)]));
}

/** The job over what it extends, one level deep. Throws where that is not there. */
function extended(all: ReadonlyMap<string, Job>, { extends: base, ...job }: Job): Job {
  if (base === undefined) return job as Job;
  const parent = all.get(String(base));
  if (parent === undefined) throw new Error(`${String(base)}: unknown keys in \`extends\``);
  return { ...parent, ...job } as Job;
}
