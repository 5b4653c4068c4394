/** Lists the licences of the production dependencies, by licence. Exit status 1 if one is unknown or not allowed. */
import { readFileSync } from "node:fs";
import { licenceProblems, productionDependencies } from "./dependencies/production.ts";

const lock: unknown = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
const dependencies = productionDependencies(lock);
const licences = new Set(dependencies.map((d) => d.licence));
for (const licence of licences) {
  const group = dependencies.filter((d) => d.licence === licence);
  console.log(
    `${licence ?? "none stated"} (${group.length}): ${group.map((d) => `${d.name} ${d.version}`).join(", ")}`,
  );
}
const problems = licenceProblems(dependencies);
for (const problem of problems) console.error(`Licence not allowed: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
