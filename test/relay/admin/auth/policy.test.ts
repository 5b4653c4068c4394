import { expect, test } from "vitest";
import { listedRoutes } from "../../../../relay/admin/auth/policy.ts";
import { createAdminFixture } from "../../../helpers/admin.ts";

test("policy: lists every route that only people see, and no other", () => {
  const f = createAdminFixture();
  const isOpen = (path: string): boolean => /^\/(assets|login|favicon)\b/.test(path);
  const routes = f.admin.app.routes
    .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*") && !isOpen(path))
    .map(({ method, path }) => `${method} ${path}`);
  expect([...new Set(routes)].toSorted()).toEqual(listedRoutes().toSorted());
  f.close();
});
