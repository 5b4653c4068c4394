// Plain JavaScript, since Node 20 cannot read TypeScript itself. Deno can, and its `require()` does not bear the hooks of tsx.
if (!("Deno" in globalThis)) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("../cli/main.ts");
