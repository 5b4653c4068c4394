/** Questions about delivery ids: which keys an id may be stored under, and what may be asked at once. */
import { formerKeyOfId, keyOfId, originOf } from "../event/delivery-key.ts";
import type { Checked } from "./admit.ts";
import { instanceHost } from "./authenticate.ts";

/** Delivery ids that one request may ask about. */
export const MAX_KNOWN_IDS = 500;
export interface AskedId {
  readonly id: string;
  /** Keys under which a delivery of this id may be stored. */
  readonly keys: readonly string[];
}

/**
 * The ids with their keys: of this hook; of the time before its URL had a hook key; of version 0.1.0, which
 * knew one GitLab. Null if they are not what may be
 * asked.
 */
export function idsOf({ parsed: { ids }, headers, hookKey, instance }: Checked): readonly AskedId[] | null {
  const isList =
    Array.isArray(ids) && ids.length <= MAX_KNOWN_IDS && ids.every((id) => typeof id === "string");
  if (!isList) return null;
  const origin = originOf(instance, instanceHost(headers));
  const sources =
    hookKey === null
      ? [{ origin, hookKey }]
      : [
          { origin, hookKey },
          { origin, hookKey: null },
        ];
  return (ids as readonly string[]).map((id) => ({
    id,
    keys: [
      ...sources.map((source) => keyOfId(source, id)),
      ...(instance === null ? [formerKeyOfId(id)] : []),
    ],
  }));
}
