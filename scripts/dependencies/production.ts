/** The dependencies that the product runs with, as package-lock.json has them, their licences, and their bill of materials. Pure. */
import { z } from "zod";

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
    }),
  ),
});

export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; null: the package states none. */
  readonly licence: string | null;
}

/** Licences that allow what this product does under its own, MIT. */
const ALLOWED: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Python-2.0",
  "Unlicense",
]);

/** What is installed without the development dependencies, optional packages for other systems included. */
export function productionDependencies(lock: unknown): Dependency[] {
  return Object.entries(lockFile.parse(lock).packages)
    .filter(([path, { dev }]) => path !== "" && dev !== true)
    .map(([path, { version, license }]) => ({
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      version: version ?? "",
      licence: license ?? null,
    }));
}

/** Dependencies whose licence is unknown or not allowed. Of `A OR B` one has to be, of `A AND B` both. */
export function licenceProblems(dependencies: readonly Dependency[]): string[] {
  const isAllowed = (expression: string): boolean =>
    expression
      .replace(/[()]/g, " ")
      .split(" OR ")
      .some((choice) => choice.split(" AND ").every((one) => ALLOWED.has(one.trim())));
  return dependencies
    .filter(({ licence }) => licence === null || !isAllowed(licence))
    .map(({ name, version, licence }) => `${name} ${version}: ${licence ?? "states no licence"}`);
}

const bom = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ "bom-ref": z.string(), name: z.string() }) }),
  components: z.array(z.looseObject({ "bom-ref": z.string(), name: z.string(), version: z.string() })),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

/**
 * A bill of materials without the development dependencies. npm's own `--omit dev` leaves out what a development dependency needs as
 * well, such as zod; so everything is asked for, and what the lock file calls `dev` is taken out here.
 */
export function productionBom(everything: unknown, lock: unknown, name: string): unknown {
  const all = bom.parse(everything);
  const wanted = new Set(productionDependencies(lock).map((d) => `${d.name}@${d.version}`));
  const components = all.components.filter((c) => wanted.has(`${c.name}@${c.version}`));
  const refs = new Set([all.metadata.component["bom-ref"], ...components.map((c) => c["bom-ref"])]);
  return {
    ...all,
    metadata: { ...all.metadata, component: { ...all.metadata.component, name } },
    components,
    dependencies: all.dependencies
      .filter(({ ref }) => refs.has(ref))
      .map((entry) =>
        Object.assign({}, entry, { dependsOn: entry.dependsOn.filter((ref) => refs.has(ref)) }),
      ),
  };
}
