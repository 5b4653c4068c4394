/** Prints the counts that say how orderly the sources are, and fails if one is above its limit: `npm run structure`. */
import {
  circles,
  doubleNames,
  driverSwitches,
  longSignatures,
  looseFiles,
  wrongWay,
} from "./structure/rules.ts";
import { MOST_PARAMETERS, readSources } from "./structure/sources.ts";

const sources = ["lib", "relay", "component", "cli"].flatMap(readSources);

const counts: readonly {
  readonly what: string;
  readonly limit: number;
  readonly found: readonly string[];
}[] = [
  { what: "loose files in relay/ and component/", limit: 0, found: looseFiles(sources) },
  {
    what: "circles between files, types included",
    limit: 0,
    found: circles(sources).map((files) => files.join(" <-> ")),
  },
  { what: "imports against the order of the folders", limit: 0, found: wrongWay(sources) },
  { what: "names that two files export", limit: 0, found: doubleNames(sources) },
  { what: "places that ask for the storage driver", limit: 1, found: driverSwitches(sources) },
  {
    what: `functions with more than ${MOST_PARAMETERS} parameters`,
    limit: 0,
    found: longSignatures([...sources, ...readSources("scripts")]),
  },
];

console.log(`${sources.length} files`);
for (const { what, limit, found } of counts) {
  console.log(`${String(found.length).padStart(3)} (at most ${limit})  ${what}`);
  if (found.length > limit) {
    for (const line of found) console.log(`      ${line}`);
    process.exitCode = 1;
  }
}
