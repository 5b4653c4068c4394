/** The index of the tests' helpers: each file with the first sentence of its header, so that none is written twice. */
import { readTexts } from "../structure/sources.ts";

const FOLDER = "test/helpers";

export function testHelpersTable(): string {
  const rows = readTexts(FOLDER)
    .filter(({ file }) => !file.endsWith(".test.ts"))
    .toSorted((a, b) => (a.file < b.file ? -1 : 1))
    .map(({ file, text }) => `| [${nameOf(file)}](${nameOf(file)}) | ${firstSentence(file, text)} |`);
  return ["| File | What it is |", "| --- | --- |", ...rows].join("\n");
}

const nameOf = (file: string): string => file.slice(FOLDER.length + 1);

/** @throws Error if the file has no header comment */
export function firstSentence(file: string, text: string): string {
  const header = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1];
  if (header === undefined) throw new Error(`${file} has no header comment that says what it is`);
  const words = header.replaceAll(/\n \*/g, " ").replaceAll(/\s+/g, " ").trim();
  return (/^.*?[.:](?= |$)/.exec(words)?.[0] ?? words).replace(/:$/, ".").replaceAll("|", "\\|");
}
