/**
 * The beginning of a handler's process on a Node that cannot read TypeScript. Without tsx handlers in JavaScript still run: what a
 * handler in TypeScript then fails with, Node says.
 */
try {
  const { register } = await import("tsx/esm/api");
  register();
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND") throw error;
}
await import("./thread-entry.js");
