/** Links between documents lead somewhere, and the index has every document. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../helpers/relay-process.ts";

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "findings/README.md",
  "bench/README.md",
  ...["docs", "docs/decisions"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith(".md") ? [`${folder}/${name}`] : [])),
  ),
];
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Headings as GitLab makes anchors of them. */
function anchorsOf(path: string): Set<string> {
  const headings = read(path)
    .replace(/```[\s\S]*?```/g, "")
    .matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
        .replace(/-{2,}/g, "-"),
    ),
  );
}

test.each(pages)("%s: every link within the project leads somewhere", (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(
    ([, link]) => link as string,
  );
  const broken = links.filter((link) => {
    const [file = "", anchor] = link.split("#");
    const path = file === "" ? page : join(dirname(page), file);
    if (!existsSync(join(ROOT, path))) return true;
    return anchor !== undefined && path.endsWith(".md") && !anchorsOf(path).has(anchor);
  });
  expect(broken).toEqual([]);
});

test("docs/README.md has every document", () => {
  const missing = readdirSync(join(ROOT, "docs")).filter(
    (name) =>
      /\.(md|json)$/.test(name) && name !== "README.md" && !read("docs/README.md").includes(`](${name})`),
  );
  expect(missing).toEqual([]);
});

test("every task of the editor runs a script that package.json has", () => {
  const { tasks } = JSON.parse(read(".vscode/tasks.json")) as {
    readonly tasks: readonly { readonly command: string }[];
  };
  const { scripts } = JSON.parse(read("package.json")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const named = tasks.flatMap(({ command }) => /^npm (?:run )?([\w:]+)/.exec(command)?.[1] ?? []);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
