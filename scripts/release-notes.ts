/** Prints the notes of a release, for the release job: see docs/release.ts. Exit status 1 and the reason if it is not ready. */
import { readdirSync, readFileSync } from "node:fs";
import { releaseNotes } from "./docs/release.ts";

const [version, project, image] = process.argv.slice(2);
const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

if (version === undefined || project === undefined || image === undefined) {
  console.error("usage: release-notes.ts VERSION PROJECT IMAGE@DIGEST");
  process.exitCode = 2;
} else {
  const names = readdirSync(new URL("templates/", root)).map((file) => file.replace(/\.yml$/, ""));
  const templates = new Map(names.map((name) => [name, read(`templates/${name}.yml`)]));
  const files = { changelog: read("CHANGELOG.md"), packageJson: read("package.json"), templates };
  try {
    console.log(releaseNotes({ version, project, image }, files));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
