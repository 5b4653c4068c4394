import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { checksumOf } from "../../../../relay/storage/journal/checksum.ts";
import {
  bodyIsWhole,
  decodeKey,
  emptyHeader,
  FrameType,
  HEADER_BYTES,
  keyEncoding,
  MAGIC,
  readHeader,
  writeHeader,
  writeKey,
  type Header,
} from "../../../../relay/storage/journal/frame.ts";

const PLACE = { sequence: 7, salt: 0xdead_beef, offset: 4096 };
const HALF_PAIR = "\ud83e";

interface Written {
  readonly type?: FrameType;
  readonly key?: string;
  readonly value?: string;
  readonly first?: boolean;
  readonly last?: boolean;
}

/** A whole frame, with three bytes of something else in front. */
function frame({
  type = FrameType.set,
  key = "key",
  value = "value",
  first = true,
  last = true,
}: Written = {}): Buffer {
  const encoding = keyEncoding(key);
  const bytes = Buffer.alloc(3 + HEADER_BYTES + encoding.bytes + value.length);
  writeKey(bytes, 3 + HEADER_BYTES, key, encoding);
  bytes.write(value, 3 + HEADER_BYTES + encoding.bytes, "latin1");
  const checksum = checksumOf(bytes.subarray(3 + HEADER_BYTES));
  writeHeader(bytes, 3, { type, encoding, valueBytes: value.length, checksum, first, last }, PLACE);
  return bytes;
}

function read(bytes: Buffer, place = PLACE): Header | null {
  const header = emptyHeader();
  return readHeader(bytes, 3, place, header) ? header : null;
}

describe("keyEncoding()", () => {
  test.each([
    ["plain", { bytes: 5, wide: false }],
    ["gr\u00fc\u00df", { bytes: 6, wide: false }],
    ["\u{1f98a}", { bytes: 4, wide: false }],
    [`a${HALF_PAIR}`, { bytes: 4, wide: true }],
    ["", { bytes: 0, wide: false }],
  ])("of %j", (key, encoding) => expect(keyEncoding(key)).toEqual(encoding));
});

describe("writeHeader() and readHeader()", () => {
  test.each([FrameType.set, FrameType.remove, FrameType.probe])("keep type %d", (type) => {
    expect(read(frame({ type }))?.type).toBe(type);
  });

  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])("keep first %s and last %s", (first, last) => {
    expect(read(frame({ first, last }))).toMatchObject({ first, last });
  });

  test.each(["key", "gr\u00fc\u00df", `half ${HALF_PAIR}`, ""])("keep the key %j and the lengths", (key) => {
    const bytes = frame({ key, value: "twelve bytes" });
    const header = read(bytes)!;
    expect(header).toMatchObject({ valueBytes: 12, salt: PLACE.salt, xxh64: true });
    expect(header.keyBytes).toBe(keyEncoding(key).bytes);
    expect(decodeKey(bytes, 3 + HEADER_BYTES, header)).toBe(key);
    expect(bodyIsWhole(bytes, 3 + HEADER_BYTES, header)).toBe(true);
  });

  test("no changed bit of a header is believed", () => {
    for (let bit = 0; bit < HEADER_BYTES * 8; bit += 1) {
      const bytes = frame();
      bytes[3 + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(read(bytes), `bit ${bit}`).toBeNull();
    }
  });

  test("no changed bit of key or value is believed", () => {
    const whole = frame();
    for (let bit = 0; bit < (whole.length - 3 - HEADER_BYTES) * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes[3 + HEADER_BYTES + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(bodyIsWhole(bytes, 3 + HEADER_BYTES, read(bytes)!), `bit ${bit}`).toBe(false);
    }
  });

  test("a frame is not believed at another offset, in another segment, or as zeros", () => {
    expect(read(frame(), { ...PLACE, offset: PLACE.offset + 1 })).toBeNull();
    expect(read(frame(), { ...PLACE, sequence: PLACE.sequence + 1 })).toBeNull();
    expect(read(Buffer.alloc(200))).toBeNull();
    expect(MAGIC.includes(0)).toBe(false);
  });

  test("the bytes on disk are those of the published layout", () => {
    expect(frame().subarray(3).toString("hex")).toMatchInlineSnapshot(
      `"fac16a31efbeadde030000e1050000004f57663587f51e566b657976616c7565"`,
    );
  });

  test("a CRC32 is checked where the frame says that it has one, as those of 0.1.0 do", () => {
    const bytes = frame();
    const body = bytes.subarray(3 + HEADER_BYTES);
    const old: Header = { ...read(bytes)!, xxh64: false, checksum: crc32(body) };
    expect(bodyIsWhole(bytes, 3 + HEADER_BYTES, old)).toBe(true);
    expect(bodyIsWhole(bytes, 3 + HEADER_BYTES, { ...old, checksum: old.checksum ^ 1 })).toBe(false);
  });
});
