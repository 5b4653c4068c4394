/**
 * Reads a file that somebody named: settings, a secret, a state. Such a name may lead to anything, so what is no file of reasonable
 * size is refused in words: a pipe would hold its reader up until somebody writes, and a device may never end.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** Settings, secrets and states are far below. */
export const MAX_TEXT_BYTES = 16_777_216;
const CHUNK_BYTES = 65_536;
/** A pipe that nothing writes to would hold up its reader for ever. */
const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Text of a file. Throws in words if it cannot be read; never waits for a writer, and never reads more than the limit. */
export function readTextFile(path: string): string {
  const file = openSync(path, READ_AT_ONCE);
  try {
    refuseOtherKinds(fstatSync(file));
    const text = new BoundedText();
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSync(file, chunk);
      if (length === 0) return text.whole();
      text.add(chunk.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

/** The same beside other work. */
export async function readTextFileLater(path: string): Promise<string> {
  const file = await open(path, READ_AT_ONCE);
  try {
    refuseOtherKinds(await file.stat());
    const text = new BoundedText();
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return text.whole();
      text.add(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function refuseOtherKinds(stats: Stats): void {
  if (stats.isFIFO() || stats.isSocket())
    throw new Error("it is a pipe, not a file: write what comes out of it to a file");
  if (stats.size > MAX_TEXT_BYTES)
    throw new Error(`it has ${stats.size} bytes, the limit is ${MAX_TEXT_BYTES}`);
}

/** What was read so far. The size of a device, or of a file below /proc, says nothing beforehand. */
class BoundedText {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > MAX_TEXT_BYTES)
      throw new Error(`it does not end within ${MAX_TEXT_BYTES} bytes, the limit`);
    this.#chunks.push(chunk);
  }

  whole(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
