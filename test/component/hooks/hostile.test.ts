/** A server in GitLab's place that does not end, or does not answer, must not keep the installer for ever. */
import { expect, test } from "vitest";
import type { Transport } from "../../../lib/gitlab/transport.ts";
import { runInstaller, type InstallerRun } from "../../helpers/installer.ts";
import { IdleClock } from "../../helpers/idle-clock.ts";

const json = (
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Awaited<ReturnType<Transport>> => ({
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  text: JSON.stringify(body),
});

const hook = { id: 1, url: "https://elsewhere.example.com/", description: null };
const project = (id: number): object => ({ id, path_with_namespace: `acme/app-${id}`, topics: [] });

/** A GitLab that answers by path; counts what it was asked. */
function run(
  answer: (path: string, page: number, method: string) => ReturnType<Transport>,
  args: readonly string[] = ["--level=project"],
): Promise<InstallerRun & { readonly asked: number }> {
  const clock = new IdleClock();
  let asked = 0;
  const transport: Transport = (url, { method }) => {
    asked++;
    return clock.during(
      answer(url.pathname.slice("/api/v4".length), Number(url.searchParams.get("page") ?? 1), method),
    );
  };
  const sim = { url: "https://gitlab.acme.test", token: { value: "glpat-x" } };
  return runInstaller(sim as Parameters<typeof runInstaller>[0], { args, clock, transport }).then((ended) =>
    Object.assign(ended, { asked }),
  );
}

test("pages that repeat end the run with exit 2 and say so", async () => {
  const next = (page: number): Record<string, string> => ({ "x-next-page": String(page + 1) });
  const ended = await run((path, page) =>
    Promise.resolve(
      path.endsWith("/projects")
        ? json([project(1)], next(page))
        : json(path.includes("/groups/") ? [] : [hook], {}),
    ),
  );
  expect(ended.status).toBe(2);
  expect(ended.stdout).toContain("a list of GitLab does not end: page after page is the same");
  expect(ended.asked).toBeLessThan(12);
});

test("hooks whose pages go on for ever fail their project, and the others are done", async () => {
  const ended = await run((path, page) => {
    if (path === "/groups/acme/hooks") return Promise.resolve(json([]));
    if (path.endsWith("/projects")) return Promise.resolve(json([project(1)], { "x-total": "1" }));
    return Promise.resolve(json([{ ...hook, id: page }], { "x-next-page": String(page + 1) }));
  });
  expect([ended.status, ended.report.summary.failed]).toEqual([1, 1]);
  expect(ended.report.results[0]?.reason).toContain("more than 10000 pages");
});

test("a GitLab that goes down in the middle ends the run after twenty projects, not after all", async () => {
  const ended = await run((path, page) => {
    if (path === "/groups/acme/hooks") return Promise.resolve(json([]));
    if (!path.endsWith("/projects"))
      return Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
    const ids = Array.from({ length: 100 }, (_, index) => (page - 1) * 100 + index + 1);
    return Promise.resolve(json(ids.map(project), { "x-total": "5000", "x-next-page": String(page + 1) }));
  });
  expect([ended.status, ended.report.complete]).toEqual([1, false]);
  expect(ended.stdout).toMatch(/GitLab has not answered properly for 20 projects in a row: .*no connection/);
  expect(ended.report.summary.failed).toBeLessThan(40);
  expect(ended.asked).toBeLessThan(200);
});
