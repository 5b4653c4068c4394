#!/usr/bin/env bash
# oxc-parser 0.159.0. By default `(x as T)[k]` has a ParenthesizedExpression between the MemberExpression and the TSAsExpression.
# A good guess: the tree of a .ts file is that of typescript-estree, which has no parentheses, so a
# walker that looks for `object.type === "TSAsExpression"` finds the cast.
# Seen: "ParenthesizedExpression"; with `preserveParens: false` "TSAsExpression", as in @typescript-eslint/typescript-estree 8.48.1.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts -E oxc-parser@0.159.0 @typescript-eslint/typescript-estree@8.48.1 typescript@5.9.3
cat > run.mjs <<'JS'
import { parse } from "@typescript-eslint/typescript-estree";
import { parseSync } from "oxc-parser";

const source = "(x as T)[k]";
const objectOf = (program) => program.body[0].expression.object.type;
const seen = {
  "oxc-parser": objectOf(parseSync("a.ts", source).program),
  "oxc-parser, preserveParens: false": objectOf(parseSync("a.ts", source, { preserveParens: false }).program),
  "typescript-estree": objectOf(parse(source)),
};
console.log(process.version, seen);
const wanted = ["ParenthesizedExpression", "TSAsExpression", "TSAsExpression"];
if (JSON.stringify(Object.values(seen)) !== JSON.stringify(wanted)) process.exit(1);
JS
node run.mjs
