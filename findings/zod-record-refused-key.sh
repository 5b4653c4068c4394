#!/usr/bin/env bash
# zod 4.6.7. z.record(key, value) does not look at the value below a key that is refused, and .superRefine() of an object does not run while
# any of its fields has an issue: the first problem hides the others.
# A good guess: safeParse() reports every problem at once, as it does for the fields of an object.
# Seen: one issue for the key, none for its value; the refinement is not called. With { when: () => true } it is.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund zod@4.6.7
cat > run.mjs <<'JS'
import { z } from "zod";

const record = z.record(z.string().regex(/^[a-z]+$/), z.strictObject({ port: z.number() }));
const paths = (result) => (result.error?.issues ?? []).map(({ path }) => path.join("."));
const below = paths(record.safeParse({ "Bad Key": { port: "no number" }, good: { port: "no number" } }));

let called = 0;
const refined = z.object({ a: z.number() }).superRefine(() => void (called += 1));
refined.safeParse({ a: "text" });

const seen = { below, called };
console.log(seen);
if (below.join() !== "Bad Key,good.port" || called !== 0) process.exit(1);
JS
node run.mjs
