/** The Dockerfile, which no test can build: that it is valid, and what it promises. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { validate } from "dockerfile-utils";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const text = read("Dockerfile");

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const instructions: readonly Instruction[] = text
  .split("\n")
  .filter((line) => !/^\s*(#|$)/.test(line))
  .join("\n")
  .replace(/\\\n/g, " ")
  .split("\n")
  .map((line) => {
    const [name = "", ...words] = line.trim().split(/\s+/);
    return { name, text: words.join(" ") };
  });
const stages = instructions.filter(({ name }) => name === "FROM");
const last = instructions.slice(instructions.lastIndexOf(stages.at(-1) as Instruction));
const inLast = (name: string): string[] => last.filter((one) => one.name === name).map((one) => one.text);

test("Dockerfile: a linter finds nothing", () => {
  expect(validate(text)).toEqual([]);
  // It does find something.
  expect(validate("FROM node:24\nCPOY . .\n")).not.toEqual([]);
});

test("Dockerfile: every base image is Node 24, pinned to a full version", () => {
  for (const { text: image } of stages) expect(image).toMatch(/^node:24\.\d+\.\d+-alpine( AS \w+)?$/);
});

test("Dockerfile: ends as a user without rights, with the relay as command and no entrypoint", () => {
  expect(inLast("USER")).toEqual(["node"]);
  expect(last.slice(last.findIndex(({ name }) => name === "USER")).map(({ name }) => name)).toEqual([
    "USER",
    "VOLUME",
    "EXPOSE",
    "HEALTHCHECK",
    "CMD",
  ]);
  expect(JSON.parse(inLast("CMD")[0] ?? "")).toEqual(["node", "relay.js"]);
});

test("Dockerfile: listens on all addresses, keeps the queue on the volume", () => {
  const env = Object.fromEntries(
    inLast("ENV").flatMap((line) => line.split(" ").map((word) => word.split("=") as [string, string])),
  );
  expect(env).toEqual({ NODE_ENV: "production", HOST: "0.0.0.0", PORT: "8080", RELAY_DATA_DIR: "/data" });
  expect([inLast("VOLUME"), inLast("EXPOSE")]).toEqual([["/data"], [env["PORT"]]]);
  expect(inLast("RUN")[0]).toContain("mkdir /data && chown node:node /data");
});

test("Dockerfile: installs what the lock file says without install scripts, and copies nothing but the build into the image", () => {
  const installs = instructions.filter((one) => one.name === "RUN" && one.text.includes("npm"));
  expect(installs.map((one) => one.text)).toEqual(["npm ci --ignore-scripts --no-audit --no-fund"]);
  expect(inLast("COPY")).toEqual(["--from=build /app ./"]);
});

test("HEALTHCHECK: a plain Node program that succeeds only on a healthy answer", () => {
  const [check = ""] = inLast("HEALTHCHECK");
  const [, program, script] = JSON.parse(check.slice(check.indexOf("CMD ") + 4)) as string[];
  expect(program).toBe("-e");
  const refused = spawnSync(process.execPath, ["-e", script as string], { env: { PORT: "1" } });
  expect(refused.status).toBe(1);
});
