import { expect, test } from "vitest";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { logLibraryWords } from "../../../relay/process/library-words.ts";

test("logLibraryWords() makes lines of the log of what libraries write, masked and once each", () => {
  const lines: Record<string, unknown>[] = [];
  const secrets = createSecrets();
  secrets.add(["s3cret-password"]);
  const log = createLog({
    level: "info",
    secrets,
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const itsConsole = { ...console };
  logLibraryWords(itsConsole, log);
  for (let connection = 0; connection < 3; connection += 1)
    itsConsole.warn("[WARN] a password was supplied: %s", "s3cret-password");
  itsConsole.error(new Error("lost"));
  itsConsole.log("hello", { a: 1 });
  expect(lines.map(({ level, event, error, text }) => [level, event, error ?? text])).toEqual([
    ["warn", "library.warned", "[WARN] a password was supplied: ***"],
    ["warn", "library.warned", expect.stringMatching(/^Error: lost\n/)],
    ["info", "library.said", "hello { a: 1 }"],
  ]);
});
