import { expect, test } from "vitest";
import { ANSWER_MS, createPatientReader, unansweredFiles } from "../../lib/answering-files.ts";
import { FakeClock } from "../helpers/clock.ts";

/** Files below /hung/ do not answer until `answer` is called; what was asked is noted. */
function files() {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const readText = createPatientReader((path) => {
    asked.push(path);
    if (path.startsWith("/gone/")) return Promise.reject(new Error("no such file"));
    if (!path.startsWith("/hung")) return Promise.resolve(`text of ${path}`);
    return new Promise((resolve) => waiting.push(() => resolve("late")));
  });
  return { asked, readText, answer: () => waiting.splice(0).forEach((resolve) => resolve()) };
}

test("createPatientReader() is null for a file that cannot be read", async () => {
  const { readText } = files();
  expect(await readText("/etc/a")).toBe("text of /etc/a");
  expect(await readText("/gone/a")).toBeNull();
});

test("createPatientReader() asks one file of a folder at a time, two folders at once, and no file again before it has answered", async () => {
  const { asked, readText, answer } = files();
  const all = ["/hung/a", "/hung/b", "/hung/a", "/hung2/c", "/hung3/d"].map((path) => readText(path));
  expect(await Promise.race([readText("/hung/a"), Promise.resolve("no answer")])).toBe("no answer");
  expect(asked).toEqual(["/hung/a", "/hung2/c"]);
  while (asked.length < 4) {
    answer();
    await Promise.resolve();
  }
  answer();
  expect(await Promise.all(all)).toEqual(["late", "late", "late", "late", "late"]);
  expect(asked.toSorted()).toEqual(["/hung/a", "/hung/b", "/hung2/c", "/hung3/d"]);
});

test("createPatientReader() reads other folders while one does not answer", async () => {
  const { readText } = files();
  void readText("/hung/a");
  expect(await Promise.all(["/etc/a", "/etc/b", "/opt/c"].map((path) => readText(path)))).toEqual([
    "text of /etc/a",
    "text of /etc/b",
    "text of /opt/c",
  ]);
});

test("unansweredFiles() names those that have not answered in time, and no others", async () => {
  const clock = new FakeClock();
  const { readText } = files();
  const found = unansweredFiles(["/etc/a", "/hung/b", "/gone/c"], { clock, readText });
  await clock.advance(ANSWER_MS);
  expect(await found).toEqual(["/hung/b"]);
  expect(await unansweredFiles(["/etc/a"], { clock, readText })).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});
