/**
 * The checksum of what a frame holds: the lower half of XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), which takes a third
 * of the time of the CRC32 of Node's zlib.
 */
import xxhash from "xxhash-wasm";

/** Most that is handed over at once: the module's memory grows to hold it, and stays so. */
const PIECE_BYTES = 1_048_576;

const { h64Raw, create64 } = await xxhash();

/** 32 bits, unsigned. */
export function checksumOf(bytes: Uint8Array): number {
  return bytes.length <= PIECE_BYTES ? lowerHalf(h64Raw(bytes)) : checksumOfParts([bytes]);
}

/** The checksum of the parts one after another, whichever way they are cut. */
export function checksumOfParts(parts: readonly Uint8Array[]): number {
  const hash = create64();
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE_BYTES) hash.update(part.subarray(at, at + PIECE_BYTES));
  }
  return lowerHalf(hash.digest());
}

function lowerHalf(hash: bigint): number {
  return Number(BigInt.asUintN(32, hash));
}
