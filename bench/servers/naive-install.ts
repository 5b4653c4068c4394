/**
 * The peer: what one writes in an afternoon with the same client library. One project after the other, the library's own paging
 * and retries, a hook is found by its URL, errors are counted and the loop goes on. Prints its figures as a line of JSON.
 */
import { Groups, ProjectHooks } from "@gitbeaker/rest";

const { host, token, group, url, secret } = JSON.parse(process.argv[2] ?? "{}") as Record<string, string>;
const config = { host: String(host), token: String(token) };
const hooks = new ProjectHooks(config);
const began = performance.now();
let created = 0;
let failed = 0;
const projects = await new Groups(config).allProjects(String(group), {
  includeSubgroups: true,
  perPage: 100,
});
for (const project of projects) {
  try {
    const present = await hooks.all(project.id, { perPage: 100 });
    if (present.some((hook) => hook.url === url)) continue;
    await hooks.add(project.id, String(url), {
      token: String(secret),
      pushEvents: true,
      mergeRequestsEvents: true,
      enableSslVerification: true,
    });
    created++;
  } catch {
    failed++;
  }
}
console.log(JSON.stringify({ created, failed, seconds: (performance.now() - began) / 1000 }));
