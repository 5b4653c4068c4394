/** Parts that the facts of several kinds share. */
import { count, text } from "../../../lib/json.ts";
import type { Fact, FactType, FactValues } from "../activity-facts.ts";
import type { Meta } from "./kind.ts";

const MAX_JOB = 80;

/** One fact; none if what it is about has no name. */
export function fact<T extends FactType>(
  type: T,
  { key, author }: { readonly key: string | number | null; readonly author: string | null },
  value: FactValues[T],
): Fact[] {
  return key === null ? [] : [{ type, key: String(key), author, value }];
}

export function failedJob(id: unknown, name: unknown, { actor }: Meta): Fact[] {
  return fact("failedJob", { key: count(id), author: actor }, (text(name) ?? "(unnamed)").slice(0, MAX_JOB));
}
