/**
 * The beginning of the thread on a Node that cannot read TypeScript: in JavaScript, as a thread does not take tsx over from the process.
 */
import { register } from "tsx/esm/api";

register();
await import("./rules-thread-entry.ts");
