/**
 * The order of the folders: a file imports, types included, only from folders that stand before its own, and from its own. The table
 * in docs/architecture.md is made from this one, the architecture test enforces it.
 */
export interface Folder {
  readonly path: string;
  readonly subject: string;
}

/** From the bottom up. A folder's deeper folders count as part of it unless they have a row of their own. */
export const ORDER: readonly Folder[] = [
  {
    path: "lib",
    subject:
      "What both programs share: errors, log, clock, settings, secrets, signatures, names of events, the GitLab client.",
  },
  { path: "relay/event", subject: "The stored event, its id, and one row for each kind of event." },
  { path: "relay/queue", subject: "The port of the queue: its states, filters and glossary. No driver." },
  { path: "relay/expressions", subject: "CEL conditions and templates." },
  {
    path: "relay/http",
    subject: "The HTTP server and what every handler of a request needs. Mounts nothing.",
  },
  {
    path: "relay/delivery",
    subject: "A worker for each target: claim, send, settle. Owns the port that a target implements.",
  },
  {
    path: "relay/replay",
    subject: "Replay jobs: makes them, and carries them out at the pace of the targets.",
  },
  { path: "relay/targets", subject: "The target types, a folder each, listed in registry.ts." },
  {
    path: "relay/storage/columns",
    subject: "Numbers by row, and rows by id: what the memory of a million events is made of.",
  },
  { path: "relay/storage/journal", subject: "An append-only map from keys to bytes, on files." },
  {
    path: "relay/storage",
    subject: "The storage drivers, files and redis: each opens everything that the relay stores.",
  },
  { path: "relay/config", subject: "The schema of relay.yaml, reading, checking and watching it." },
  { path: "relay/routing", subject: "Which targets want an event." },
  { path: "relay/observe", subject: "Health, metrics, the log of events, downtime, activity." },
  { path: "relay/ingest", subject: "From a request to a stored event." },
  { path: "relay/admin", subject: "Log-in, JSON API, live stream and pages." },
  { path: "relay/process", subject: "Builds everything, starts it and takes it down again." },
  { path: "relay/main.ts", subject: "The entry: the only file that knows the process." },
  { path: "component/gitlab", subject: "The endpoints of GitLab that the installer calls." },
  {
    path: "component/options",
    subject: "One table of options: flag, variable, template input, help and docs.",
  },
  { path: "component/hooks", subject: "Group to plan to apply: installs and removes hooks." },
  { path: "component/recover", subject: "Finds what GitLab logged as failed and has it delivered." },
  { path: "component/schedule", subject: "The pipeline schedule that runs the component." },
  { path: "component/report", subject: "Results as text, Markdown, JSON, JUnit and dotenv." },
  { path: "component/cli", subject: "The commands, and what each does in order." },
  { path: "component/main.ts", subject: "The entry: the only file that knows the process." },
  {
    path: "cli",
    subject:
      "One program for both: its commands, help and completions. Loads relay or installer when one is run.",
  },
  { path: "cli/main.ts", subject: "The entry: the only file that knows the process." },
];

/** The most specific row that holds the file; null for files that belong to none. */
export function folderOf(file: string): Folder | null {
  return (
    ORDER.filter(({ path }) => file === path || file.startsWith(`${path}/`)).toSorted(
      (a, b) => b.path.length - a.path.length,
    )[0] ?? null
  );
}

/** Whether a file of the one row may import from the other. */
export function mayImport(from: Folder, to: Folder): boolean {
  return ORDER.indexOf(to) <= ORDER.indexOf(from);
}
