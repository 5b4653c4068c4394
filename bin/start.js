// Plain JavaScript, since Node 20 cannot read TypeScript itself.
import { register } from "tsx/esm/api";

register();
await import("../cli/main.ts");
