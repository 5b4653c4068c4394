#!/usr/bin/env node
// The program on any Node from 20.20 on. Plain JavaScript, since Node 20 cannot read TypeScript itself.
import { register } from "tsx/esm/api";

register();
await import("../cli/main.ts");
