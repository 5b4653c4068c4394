/**
 * A target with a wrong name or type hides what else is wrong with it, as the schema looks no further. Here it gets a name and a type
 * that are right, so that one look at the settings finds everything.
 */
import { isObject, type Json } from "../../lib/json.ts";
import type { Corrected } from "../../lib/settings.ts";
import { nearest } from "../../lib/settings-words.ts";
import { logTargetSchema } from "../targets/log/settings.ts";
import { TARGET_TYPES } from "../targets/registry.ts";
import { targetName } from "../targets/rules.ts";

const TYPES: readonly string[] = TARGET_TYPES.map(({ name }) => name);

export function correctedSettings(tree: Json): Corrected {
  const { targets } = tree;
  if (!isObject(targets)) return { tree, original: (path) => path };
  const names = new Map<string, string>();
  let isChanged = false;
  const corrected = Object.entries(targets).map(([name, target], index) => {
    const isNamed = targetName.safeParse(name).success;
    const right = isNamed ? name : `target-${index}`;
    names.set(right, name);
    const typed = withKnownType(target);
    isChanged ||= !isNamed || typed !== target;
    return [right, typed] as const;
  });
  return {
    tree: isChanged ? { ...tree, targets: Object.fromEntries(corrected) } : tree,
    original(path) {
      const [group, name, ...rest] = path;
      return group !== "targets" || name === undefined ? path : [group, names.get(name) ?? name, ...rest];
    },
  };
}

/** The type that was meant; where that is unclear, the settings that every type has, as those of a `log` target. */
function withKnownType(target: unknown): unknown {
  if (!isObject(target) || TYPES.includes(target["type"] as string)) return target;
  const meant = typeof target["type"] === "string" ? nearest(target["type"], TYPES) : null;
  if (meant !== null) return { ...target, type: meant };
  const common = Object.entries(target).filter(([key]) => Object.hasOwn(logTargetSchema.shape, key));
  return { ...Object.fromEntries(common), type: "log" };
}
