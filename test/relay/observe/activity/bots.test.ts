import { expect, test } from "vitest";
import { isBot } from "../../../../relay/observe/activity/bots.ts";

test.each([
  "project_12_bot_3f2a",
  "group_7_bot",
  "service_account_group_12_9a",
  "renovate-bot",
  "Renovate Bot",
  "dependabot[bot]",
  "GitLab-Security-Bot",
])("isBot(): %s is one", (name) => {
  expect(isBot(name)).toBe(true);
});

test.each(["alice", "Alice Doe", "talbot", "bottomley", "project_lead", "a@bot.example.com", ""])(
  "isBot(): %j is none",
  (name) => {
    expect(isBot(name)).toBe(false);
  },
);
