/** Durable values: where the ledger says they are, read and checked. */
import { bodyIsWhole, emptyHeader, HEADER_BYTES, readHeader } from "./frame.ts";
import type { Ledger, Location } from "./ledger.ts";
import type { Readers } from "./readers.ts";
import { storageError } from "./errors.ts";

/** The first `length` bytes of the key's value, all for Infinity, null if it is not live. Only the whole of it can be checked. */
export async function readValue(
  ledger: Ledger,
  readers: Readers,
  key: string,
  length: number,
): Promise<Uint8Array | null> {
  const whole = length === Infinity;
  for (;;) {
    const location = ledger.locate(key);
    if (location === null) return null;
    const valueAt = HEADER_BYTES + location.keyBytes;
    const wanted = whole ? valueAt + location.valueBytes : Math.min(length, location.valueBytes);
    const at = location.offset + (whole ? 0 : valueAt);
    try {
      const bytes = await readers.read(location.segment, at, wanted);
      if (whole ? isWholeFrame(bytes, location) : bytes.length === wanted) {
        return whole ? bytes.subarray(valueAt) : bytes;
      }
      throw storageError(
        "read the journal",
        new Error(`segment ${location.segment.sequence} is damaged at ${location.offset}`),
      );
    } catch (error) {
      // Compaction may have moved the value meanwhile: then it is looked for again.
      const { sequence } = location.segment;
      if (ledger.isAt(key, sequence, location.offset)) throw storageError("read the journal", error);
    }
  }
}

const header = emptyHeader();

function isWholeFrame(bytes: Buffer, { segment, offset, keyBytes, valueBytes }: Location): boolean {
  return (
    bytes.length === HEADER_BYTES + keyBytes + valueBytes &&
    readHeader(bytes, 0, { sequence: segment.sequence, offset }, header) &&
    header.keyBytes === keyBytes &&
    header.valueBytes === valueBytes &&
    bodyIsWhole(bytes, HEADER_BYTES, header)
  );
}
