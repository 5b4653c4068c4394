/** Prints the bill of materials of the production dependencies, CycloneDX, from npm's own list of what is installed. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { productionBom } from "./dependencies/production.ts";

const root = new URL("../", import.meta.url);
const lock: unknown = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8"));
const everything: unknown = JSON.parse(
  execFileSync(
    "npm",
    ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", "--package-lock-only"],
    {
      cwd: fileURLToPath(root),
      encoding: "utf8",
      maxBuffer: 64 * 2 ** 20,
    },
  ),
);
console.log(JSON.stringify(productionBom(everything, lock, "gitlab-hook-relay"), null, 2));
