/**
 * Loaded into a process that a benchmark started with a channel (`--import`): answers the parts of its memory, and writes heap snapshots.
 * Without a message it does nothing.
 */
import { writeHeapSnapshot } from "node:v8";

/** What a benchmark asks for. */
export type MemoryQuestion = { readonly ask: "memory" } | { readonly ask: "snapshot"; readonly file: string };

/** Bytes, as process.memoryUsage() tells them. */
export type MemoryAnswer = NodeJS.MemoryUsage;

process.on("message", (question: MemoryQuestion) => {
  if (question.ask === "snapshot") writeHeapSnapshot(question.file);
  process.send?.(process.memoryUsage());
});
// The channel alone keeps no process alive.
process.channel?.unref();
