/**
 * The notes of a release. They exist only where everything agrees on the version: the changelog has a heading for it,
 * package.json has it, and the templates run the image of it. A tag that was set too early stops before anything is published.
 */
import { parseTemplate } from "./inputs.ts";

/**
 * The text below the heading `## VERSION` or `## VERSION - DATE` (brackets around the version are fine), up to the next heading
 * of that level.
 * @throws Error if there is no such heading, or nothing below it
 */
export function changesOf(changelog: string, version: string): string {
  const sections = changelog.split(/^## +/m).slice(1);
  const section = sections.find((s) => s.split(/\s/, 1)[0]?.replace(/^\[(.*)\]$/, "$1") === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no heading "## ${version}"`);
  const end = section.indexOf("\n");
  const text = end < 0 ? "" : section.slice(end).trim();
  if (text === "") throw new Error(`CHANGELOG.md says nothing below "## ${version}"`);
  return text;
}

/**
 * The newest version that the changelog has a heading for: the only one that a user who copies an example can get.
 * @throws Error if there is none
 */
export function newestVersion(changelog: string): string {
  const versions = [...changelog.matchAll(/^## +\[?(\d+\.\d+\.\d+[\w.-]*)/gm)];
  const newest = versions[0]?.[1];
  if (newest === undefined) throw new Error("CHANGELOG.md has no heading of a version");
  return newest;
}

/** The text with every example of an inclusion, and every name of the image, at the version. */
export function pinned(text: string, version: string): string {
  return text
    .replace(/\b(install-hooks|recover-deliveries)@\d[\w.-]*/g, `$1@${version}`)
    .replace(/(gitlab-hook-relay\/gitlab-hook-relay):\d[\w.-]*/g, `$1:${version}`);
}

export interface Release {
  readonly version: string;
  /** Address of the component project, without scheme: `gitlab.example.com/tools/gitlab-hook-relay`. */
  readonly project: string;
  /** Image with its digest, `registry.example.com/tools/gitlab-hook-relay@sha256:...`. */
  readonly image: string;
}

export interface ReleaseFiles {
  readonly changelog: string;
  readonly packageJson: string;
  /** Text of each template, by name of the component. */
  readonly templates: ReadonlyMap<string, string>;
}

/**
 * Markdown: what changed, what to paste to include each component, and the image by its digest.
 * @throws Error if the files do not have the version
 */
export function releaseNotes(release: Release, files: ReleaseFiles): string {
  const { version } = release;
  const changes = changesOf(files.changelog, version);
  const packaged = (JSON.parse(files.packageJson) as { version: string }).version;
  if (packaged !== version) throw new Error(`package.json has version "${packaged}", not "${version}"`);
  for (const [name, text] of files.templates) {
    const image = parseTemplate(text).inputs.get("image")?.default;
    if (typeof image !== "string" || !image.endsWith(`:${version}`)) {
      throw new Error(`templates/${name}.yml runs the image "${String(image)}", not version "${version}"`);
    }
  }
  const includes = [...files.templates.keys()].map(
    (name) => `  - component: ${release.project}/${name}@${version}`,
  );
  return [
    changes,
    "## Include",
    ["```yaml", "include:", ...includes, "```"].join("\n"),
    "## Image",
    `\`${release.image}\``,
  ].join("\n\n");
}
