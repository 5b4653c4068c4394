import { expect, test } from "vitest";
import { DEFAULT_MASK_PATTERNS } from "../../lib/mask-patterns.ts";
import { createLog, createSecrets, MASK, shownUrl, silentLog, type LogLevel } from "../../lib/log.ts";

function recorder(level: LogLevel = "info", secretValues: readonly string[] = []) {
  const lines: string[] = [];
  const secrets = createSecrets();
  secrets.add(secretValues);
  const log = createLog({
    level,
    secrets,
    write: (line) => void lines.push(line),
    base: { program: "test" },
  });
  return {
    lines,
    log,
    secrets,
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

test("a line is JSON with time, level, event and fields, and ends itself", () => {
  const { log, lines, parsed } = recorder();
  log.info("queue.opened", { bytes: 7 });
  expect(lines[0]?.endsWith("}\n")).toBe(true);
  expect(parsed()[0]).toMatchObject({ level: "info", event: "queue.opened", program: "test", bytes: 7 });
  expect(Date.parse(parsed()[0]?.["time"] as string)).toBeGreaterThan(0);
});

test("lines below the level are not written; the level may change", () => {
  const { log, parsed } = recorder("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  log.setLevel("debug");
  log.debug("e");
  expect(parsed().map((line) => line["event"])).toEqual(["c", "d", "e"]);
});

test("child() adds its fields to every line, and follows the level of its parent's settings", () => {
  const { log, parsed } = recorder();
  log.child({ target: "bot" }).child({ attempt: 2 }).error("delivery.failed", { status: 500 });
  expect(parsed()[0]).toMatchObject({ target: "bot", attempt: 2, status: 500 });
});

test.each([
  ["plain", "s3cr3t-value"],
  ["with quotes and backslashes", 'pa"ss\\word'],
  ["with line ends", "line1\nline2"],
  ["of regular expression signs", "a.b*c+(d)[e]$^|?"],
  ["that a URL escapes", "p@ss/w rd&x=ü"],
])("a secret %s is masked wherever it stands", (_claim, secret) => {
  const { log, lines } = recorder("info", [secret]);
  log.info("x", {
    field: secret,
    deep: { list: [`before ${secret} after`] },
    url: `http://h/?t=${encodeURIComponent(secret)}`,
  });
  log.child({ id: secret }).error(`event ${secret}`, { [secret]: 1 });
  const text = lines.join("");
  for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
    expect(text).not.toContain(form);
  expect(text).toContain(MASK);
});

test("secrets may be added while the program runs; of two that overlap the longer is masked whole", () => {
  const { log, lines, secrets } = recorder();
  secrets.add(["token-1"]);
  secrets.add(["token-1-extended"]);
  log.info("x", { value: "token-1-extended and token-1" });
  expect(lines[0]).toContain(`"${MASK} and ${MASK}"`);
});

test("short values are not masked: they would tear words apart", () => {
  const { secrets } = recorder("info", ["abc", "abcd"]);
  expect(secrets.mask("abc abcd")).toBe(`abc ${MASK}`);
});

test("the stack of an error that carries a secret is masked", () => {
  const { log, lines } = recorder("info", ["hunter2-hunter2"]);
  log.error("x", { stack: new Error("auth with hunter2-hunter2 failed").stack });
  expect(lines[0]).not.toContain("hunter2");
});

test.each([
  ["https://user:pass@host.dev:8443/hook?token=x#part", "https://host.dev:8443/hook"],
  ["not a url with secret", "(not a URL)"],
])("shownUrl(%s)", (url, wanted) => {
  expect(shownUrl(url)).toBe(wanted);
});

test("silentLog keeps nothing and has children", () => {
  for (const level of ["debug", "info", "warn", "error"] as const) silentLog[level]("x");
  expect(silentLog.child({ a: 1 })).toBe(silentLog);
});

test.each([20_000, 160_000, 2_000_000])("a field of %i characters is cut, the line stays JSON", (length) => {
  const { log, lines, parsed } = recorder("info", ["hunter2-hunter2"]);
  log.info("webhook.accepted", {
    eventId: "01",
    project: 'é"\\'.repeat(length / 3),
    after: "hunter2-hunter2",
  });
  expect(lines[0]!.length).toBeLessThan(16_400);
  expect(parsed()[0]).toMatchObject({ event: "webhook.accepted", eventId: "01", after: MASK });
  expect(parsed()[0]!["project"]).toMatch(/^é.*characters\)$/s);
});

test("a line of thousands of fields says what it was", () => {
  const { log, lines, parsed } = recorder();
  log.warn("x.many", { list: Array.from({ length: 5000 }, () => "0123456789") });
  expect(lines[0]!.length).toBeLessThan(16_400);
  expect(parsed()[0]).toMatchObject({
    level: "warn",
    event: "x.many",
    note: expect.stringContaining("left out"),
  });
});

test("time grows with the length of what is logged, and not faster", () => {
  const { log, secrets } = recorder();
  secrets.setPatterns(DEFAULT_MASK_PATTERNS);
  const msOf = (kb: number): number => {
    const began = performance.now();
    for (let run = 0; run < 3; run += 1) log.info("x", { path: "eyJ-".repeat(kb * 256) });
    return performance.now() - began;
  };
  msOf(16);
  expect(msOf(64)).toBeLessThan(Math.max(8 * msOf(16), 20));
});
