import { expect, test } from "vitest";
import { OPTIONS, SECRETS } from "../../component/options/table.ts";
import { INSTALLER_VARIABLES, RELAY_VARIABLES, unknownVariables } from "../../lib/variables.ts";
import { ENV_BINDINGS } from "../../relay/config/schema.ts";

test("INSTALLER_VARIABLES holds every variable of the table of options", () => {
  const read = [...OPTIONS, ...SECRETS].map((row) => row.env);
  const ofJobs = ["HOOKS_AS", "HOOKS_DRY_RUN_ON_MERGE_REQUESTS", "HOOKS_GITLAB_READ_TOKEN"];
  expect([...INSTALLER_VARIABLES].sort()).toEqual([...read, ...ofJobs].sort());
});

test("RELAY_VARIABLES holds every variable of ours that the relay reads", () => {
  const read = ENV_BINDINGS.map((row) => row.name).filter((name) => /^(RELAY_|GITLAB_WEBHOOK_)/.test(name));
  expect(RELAY_VARIABLES).toEqual(expect.arrayContaining([...read, "RELAY_CONFIG", "RELAY_TARGET_URL"]));
});

test.each([
  ["HOOKS_DRYRUN", "HOOKS_DRY_RUN"],
  ["HOOKS_EVENT", "HOOKS_EVENTS"],
  ["HOOKS_TOKEN", "HOOKS_GITLAB_TOKEN"],
  ["HOOKS_SSL_VERIFICATION", "HOOKS_ENABLE_SSL_VERIFICATION"],
  ["HOOKS_GITLAB_TOKN_FILE", "HOOKS_GITLAB_TOKEN_FILE"],
  ["GITLAB_WEBHOOK_SECRETS", "GITLAB_WEBHOOK_SECRET"],
  ["RELAY_TARGET", "RELAY_TARGET_URL"],
])("unknownVariables() names %s and the nearest one, %s", (name, nearest) => {
  expect(unknownVariables({ [name]: "x" })).toEqual([{ name, nearest }]);
});

test("unknownVariables() leaves known, empty and foreign names alone", () => {
  const env = {
    HOOKS_DRY_RUN: "true",
    HOOKS_GITLAB_TOKEN_FILE: "/run/secrets/token",
    HOOKS_RESULT_CREATED: "3",
    HOOKS_TYPO: "",
    RELAY_ADMIN_TOKEN: "x",
    CI_SERVER_URL: "https://gitlab.example.com",
    RELAYED: "1",
  };
  expect(unknownVariables(env)).toEqual([]);
});
