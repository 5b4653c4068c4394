/**
 * The text of a compressed answer. No request asks for compression, but some servers and proxies compress all the same, and an error
 * that says why is of use only if it can be read. A beginning is enough; a small input that grows beyond all bounds stays small.
 */
import type { Transform } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";

/** What is cut off in the middle is no error: the answer was kept in part. */
const PARTIAL = { finishFlush: constants.Z_SYNC_FLUSH } as const;

/** Null if this runtime cannot read the encoding. */
function decoderOf(encoding: string, body: Buffer): Transform | null {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip(PARTIAL);
    case "deflate":
      // Servers send it with and without the header of zlib, whose first byte ends in 8.
      return ((body[0] ?? 0) & 0x0f) === 8 ? createInflate(PARTIAL) : createInflateRaw(PARTIAL);
    case "br":
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH });
    default:
      return null;
  }
}

/**
 * The first `limit` bytes of a body, uncompressed. A note in brackets stands for a body whose encoding cannot be read.
 * Never rejects: of a damaged body what came before the damage is kept.
 * @param contentEncoding value of `Content-Encoding`
 */
export function uncompressed(contentEncoding: string, body: Buffer, limit: number): Promise<Buffer> {
  const encoding = contentEncoding.trim().toLowerCase();
  if (body.length === 0 || encoding === "" || encoding === "identity") return Promise.resolve(body);
  const decoder = decoderOf(encoding, body);
  if (decoder === null) return Promise.resolve(unreadable(encoding));
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let length = 0;
    const finish = (isDamaged: boolean): void => {
      decoder.destroy();
      const plain = Buffer.concat(parts).subarray(0, limit);
      resolve(isDamaged && plain.length === 0 ? unreadable(encoding) : plain);
    };
    decoder.on("data", (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length >= limit) finish(false);
    });
    decoder.once("end", () => finish(false));
    decoder.on("error", () => finish(true));
    decoder.end(body);
  });
}

/** @param encoding as the other side wrote it, of any length */
function unreadable(encoding: string): Buffer {
  return Buffer.from(`(an answer that cannot be read: its Content-Encoding is ${encoding.slice(0, 50)})`);
}
