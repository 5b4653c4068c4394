/** CI leaves the name of a variable that a job does not have: it is no value. */
import { describe, expect, test } from "vitest";
import { unexpandedVariable } from "../../../component/options/unexpanded.ts";
import { runInstaller } from "../../helpers/installer.ts";
import { openSimulator } from "../../helpers/open-simulator.ts";

describe("unexpandedVariable()", () => {
  test.each([
    ["$MY_SECRET", "$MY_SECRET"],
    ["${my_secret}", "${my_secret}"],
    [" $A ", "$A"],
    ["X-Key: $MY_KEY", "$MY_KEY"],
    ["X-Key:${KEY}", "${KEY}"],
  ])("%s is %s", (value, name) => expect(unexpandedVariable(value)).toBe(name));

  test.each([
    "$ecret-word",
    "$ecret",
    "price: 5$",
    "acme/$team",
    "a$MY_SECRET",
    "$",
    "$$NAME",
    "",
    "${}",
    7,
    null,
  ])("%s is a value", (value) => expect(unexpandedVariable(value)).toBeNull());
});

test.each([
  ["GITLAB_WEBHOOK_SECRET", "$MY_SECRET"],
  ["GITLAB_WEBHOOK_MASTER_SECRET", "${MY_SECRET}"],
  ["HOOKS_GITLAB_TOKEN", "$MY_TOKEN"],
  ["HOOKS_CUSTOM_HEADERS", "X-Key: $MY_KEY"],
  ["HOOKS_EXCLUDE", "$MY_PROJECTS"],
  ["HOOKS_PUSH_EVENTS_BRANCH_FILTER", "$CI_DEFAULT_BRANCH"],
  ["HOOKS_URL", "https://$RELAY_HOST/in"],
])("install: %s=%s ends with 2 before the first request", async (name, value) => {
  const sim = await openSimulator({ tier: "free" });
  sim.seed.tree({ projects: 1 });
  const run = await runInstaller(sim, { env: { [name]: value } });
  expect(run.status).toBe(2);
  expect(run.stderr).toMatch(
    name === "HOOKS_URL" ? /name of a variable as its host/ : /which this job does not have/,
  );
  expect(sim.counters.total).toBe(0);
});
