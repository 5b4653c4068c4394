/**
 * The beginning of a handler's thread on a Node that cannot read TypeScript: in JavaScript, as a thread does not take tsx over
 * from the process, whichever way the process was started. See thread.ts.
 */
import { register } from "tsx/esm/api";

register();
await import("./thread-entry.ts");
