#!/usr/bin/env node
// `npx gitlab-hook-relay`: the installer, on any Node from 20.20 on. Plain JavaScript, since Node 20 cannot read TypeScript itself.
import { register } from "tsx/esm/api";

register();
await import("../component/main.ts");
