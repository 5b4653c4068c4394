/** What the sources break of the rules of the house, as lines that name the place. Pure: the sources come in. */
import { folderOf, mayImport } from "./order.ts";
import type { Source } from "./sources.ts";

/** An object for each call of these would be garbage for each of a million rows: the words of an id go in one by one. */
const MEASURED: ReadonlySet<string> = new Set([
  "relay/storage/columns/columns.ts",
  "relay/storage/columns/id-rows.ts",
]);

/** Imports that go up the order of the folders, types included. */
export function wrongWay(sources: readonly Source[]): string[] {
  const edges = sources.flatMap(({ file, imports }) =>
    imports.flatMap((imported) => {
      const from = folderOf(file);
      const to = imported.file === null ? null : folderOf(imported.file);
      return from && to && !mayImport(from, to) ? [`${file} -> ${imported.file}`] : [];
    }),
  );
  return [...new Set(edges)];
}

/** Files that need each other, types included: each circle as its files in alphabetical order. */
export function circles(sources: readonly Source[]): string[][] {
  const next = new Map(
    sources.map(({ file, imports }) => [file, imports.flatMap((i) => (i.file === null ? [] : [i.file]))]),
  );
  const reach = (start: string): Set<string> => {
    const seen = new Set<string>();
    const open = [...(next.get(start) ?? [])];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...(next.get(file) ?? []));
    }
    return seen;
  };
  const reached = new Map([...next.keys()].map((file) => [file, reach(file)]));
  const inCircle = [...next.keys()].filter((file) => reached.get(file)?.has(file));
  const found = new Map<string, string[]>();
  for (const file of inCircle) {
    const members = inCircle
      .filter((other) => reached.get(file)?.has(other) && reached.get(other)?.has(file))
      .toSorted();
    found.set(members.join(), members);
  }
  return [...found.values()];
}

/** Names that two files declare and export: one word for two things. */
export function doubleNames(sources: readonly Source[]): string[] {
  const places = new Map<string, Set<string>>();
  for (const { file, exports } of sources)
    for (const name of exports) places.set(name, (places.get(name) ?? new Set()).add(file));
  return [...places]
    .filter(([, files]) => files.size > 1)
    .map(([name, files]) => `${name}: ${[...files].join(", ")}`);
}

/** Files directly in relay/ or component/ beside the entry. */
export function looseFiles(sources: readonly Source[]): string[] {
  return sources
    .map(({ file }) => file)
    .filter((file) => /^(relay|component)\/[^/]+$/.test(file) && !file.endsWith("/main.ts"));
}

/** Files that ask which storage driver is in use: one line for each switch or comparison. */
export function driverSwitches(sources: readonly Source[]): string[] {
  return sources.flatMap(({ file, driverSwitches: count }) => Array.from({ length: count }, () => file));
}

/** Functions with more than four parameters, but for those files that say why. */
export function longSignatures(sources: readonly Source[]): string[] {
  return sources
    .filter(({ file }) => !MEASURED.has(file))
    .flatMap(({ file, longSignatures: found }) => found.map((signature) => `${file}:${signature}`));
}
