/** Needs of a start for the journal's tests: keys like `id:7` are packed, and of other values the first five bytes are read. */
import type { RecoveryNeeds } from "../../relay/storage/journal/types.ts";

const PACKED = /^id:(\d)$/;

export const packedNeeds: RecoveryNeeds = {
  version: 3,
  packed: {
    bytes: 4,
    parse(key, into) {
      const digit = PACKED.exec(key)?.[1];
      if (digit === undefined) return false;
      // Ids whose last words meet, so that a place in the table is often taken.
      into.set([1, 2, Number(digit), Number(digit) % 3]);
      return true;
    },
    format: (id) => `id:${id[2]}`,
  },
  kept: (_key, value) => value.subarray(0, 5),
};
