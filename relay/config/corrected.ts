/**
 * A target with a wrong name or type hides what else is wrong with it, as the schema looks no further; so does an instance with a wrong
 * name. Here they get names and types that are right, so that one look at the settings finds everything.
 */
import { isObject, type Json } from "../../lib/json.ts";
import type { Corrected } from "../../lib/settings.ts";
import { nearest } from "../../lib/settings-words.ts";
import { logTargetSchema } from "../targets/log/settings.ts";
import { TARGET_TYPES } from "../targets/registry.ts";
import { targetName } from "../targets/rules.ts";
import { instanceName } from "./gitlab.ts";

const TYPES: readonly string[] = TARGET_TYPES.map(({ name }) => name);

export function correctedSettings(tree: Json): Corrected {
  const groups = new Map([
    ["targets", renamed(tree["targets"], { prefix: "target", schema: targetName, mend: withKnownType })],
    [
      "instances",
      renamed(tree["instances"], { prefix: "instance", schema: instanceName, mend: (one) => one }),
    ],
  ]);
  const changed = [...groups].flatMap(([group, { entries }]) => (entries === null ? [] : [[group, entries]]));
  return {
    tree: changed.length === 0 ? tree : { ...tree, ...Object.fromEntries(changed) },
    original(path) {
      const [group = "", name, ...rest] = path;
      const names = groups.get(group)?.names;
      return names === undefined || name === undefined ? path : [group, names.get(name) ?? name, ...rest];
    },
  };
}

interface Renamed {
  /** Null: nothing had to be corrected. */
  readonly entries: Json | null;
  /** What was written, by the right name. */
  readonly names: ReadonlyMap<string, string>;
}

function renamed(
  group: unknown,
  options: {
    readonly prefix: string;
    readonly schema: typeof targetName;
    readonly mend: (entry: unknown) => unknown;
  },
): Renamed {
  const names = new Map<string, string>();
  if (!isObject(group)) return { entries: null, names };
  let isChanged = false;
  const corrected = Object.entries(group).map(([name, entry], index) => {
    const isNamed = options.schema.safeParse(name).success;
    const right = isNamed ? name : `${options.prefix}-${index}`;
    names.set(right, name);
    const mended = options.mend(entry);
    isChanged ||= !isNamed || mended !== entry;
    return [right, mended] as const;
  });
  return { entries: isChanged ? Object.fromEntries(corrected) : null, names };
}

/** The type that was meant; if that is unclear, the settings that every type has, as those of a `log` target. */
function withKnownType(target: unknown): unknown {
  if (!isObject(target) || TYPES.includes(target["type"] as string)) return target;
  const meant = typeof target["type"] === "string" ? nearest(target["type"], TYPES) : null;
  if (meant !== null) return { ...target, type: meant };
  const common = Object.entries(target).filter(([key]) => Object.hasOwn(logTargetSchema.shape, key));
  return { ...Object.fromEntries(common), type: "log" };
}
