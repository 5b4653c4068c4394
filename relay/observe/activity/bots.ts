/** Which authors are no people: by the names that GitLab gives the users of access tokens and service accounts, and by custom. */

/** `project_12_bot_3f…`, `group_12_bot`, `service_account_group_…`, `renovate-bot`, `dependabot[bot]`, `ghost-bot`. */
const BOT = /^(?:project|group)_\d+_bot|^service_account_|(?:^|[-_. [])bot\]?$/i;

/** Longer names are taken for those of people. */
const MAX_NAME = 300;

export function isBot(author: string): boolean {
  return author.length <= MAX_NAME && BOT.test(author);
}
