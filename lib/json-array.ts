/**
 * Where an array in a JSON text ends: decides whether the array is valid without building its values, which takes a fifth of the time
 * of JSON.parse for a list of commits. Strings are read four bytes at a time.
 *
 * It says yes only to what JSON.parse takes. It gives up on some of that too: on white space between the tokens, which programs do not
 * write, on deep nesting and on long texts. JSON.parse decides then. That the bytes are UTF-8 is for the caller to check.
 */

/** Longest text that is looked at: a copy of it is made, into memory that is kept. */
const MAX_TEXT_BYTES = 262_144;
/** Arrays and objects in one another; one bit of a word says for each which of the two it is. */
const MAX_DEPTH = 31;

/** The text, and behind it a zero, which no JSON token goes on with: nothing reads past it. */
const memory = new ArrayBuffer(MAX_TEXT_BYTES + 4);
const bytes = Buffer.from(memory);
const words = new Int32Array(memory);

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const FIRST_PRINTABLE = 0x20;

/** By the byte: 1 if a string ends there, or goes on otherwise than with the byte itself. */
const ENDS = new Uint8Array(256).fill(1, 0, FIRST_PRINTABLE);
ENDS[QUOTE] = 1;
ENDS[BACKSLASH] = 1;
/** By the byte behind a backslash: the bytes of the whole escape; 0: there is none. */
const ESCAPE_BYTES = new Uint8Array(256);
for (const letter of Buffer.from('"\\/bfnrt', "latin1")) ESCAPE_BYTES[letter] = 2;
ESCAPE_BYTES[0x75] = 6;
const HEX_DIGITS = new Uint8Array(256);
for (const digit of Buffer.from("0123456789abcdefABCDEF", "latin1")) HEX_DIGITS[digit] = 1;
const LITERALS = ["true", "false", "null"].map((word) => Buffer.from(word, "latin1"));

/**
 * The text with an empty array in the place of the one that begins at `open`; null if that array is not valid, or this file gives up.
 * Good until it is called again.
 */
export function withoutArray(
  text: Uint8Array,
  open: number,
): { readonly rest: Buffer; readonly end: number } | null {
  if (text.length > MAX_TEXT_BYTES) return null;
  bytes.set(text);
  bytes[text.length] = 0;
  const end = endOfArray(open);
  if (end < 0) return null;
  bytes.copyWithin(open + 1, end - 1, text.length);
  return { rest: bytes.subarray(0, open + 1 + text.length - (end - 1)), end };
}

/** Index behind the array that begins at `open`, or -1. */
function endOfArray(open: number): number {
  let at = open + 1;
  if (bytes[at] === CLOSE_ARRAY) return at + 1;
  let depth = 1;
  /** The innermost is the lowest bit; set: an object. */
  let objects = 0;
  for (;;) {
    const opener = bytes[at];
    if (opener === OPEN_OBJECT && bytes[at + 1] !== CLOSE_OBJECT) {
      if (++depth > MAX_DEPTH) return -1;
      objects = (objects << 1) | 1;
      at = endOfKey(at + 1);
      if (at < 0) return -1;
      continue;
    }
    if (opener === OPEN_ARRAY && bytes[at + 1] !== CLOSE_ARRAY) {
      if (++depth > MAX_DEPTH) return -1;
      objects <<= 1;
      at += 1;
      continue;
    }
    at = endOfPlainValue(at);
    if (at < 0) return -1;
    while (bytes[at] !== COMMA) {
      if (bytes[at] !== ((objects & 1) === 1 ? CLOSE_OBJECT : CLOSE_ARRAY)) return -1;
      at += 1;
      if (--depth === 0) return at;
      objects >>>= 1;
    }
    at += 1;
    if ((objects & 1) === 0) continue;
    at = endOfKey(at);
    if (at < 0) return -1;
  }
}

/** Index behind the colon of the key that begins at `at`, or -1. */
function endOfKey(at: number): number {
  if (bytes[at] !== QUOTE) return -1;
  const end = endOfString(at + 1);
  return end < 0 || bytes[end] !== COLON ? -1 : end + 1;
}

/** Index behind a value that holds no others, an empty array or object among them; or -1. */
function endOfPlainValue(at: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return endOfString(at + 1);
    case OPEN_OBJECT:
    case OPEN_ARRAY:
      return at + 2;
    case 0x74:
      return endOfLiteral(at, LITERALS[0] as Buffer);
    case 0x66:
      return endOfLiteral(at, LITERALS[1] as Buffer);
    case 0x6e:
      return endOfLiteral(at, LITERALS[2] as Buffer);
    default:
      return endOfNumber(at);
  }
}

function endOfLiteral(at: number, word: Buffer): number {
  for (let index = 1; index < word.length; index++) if (bytes[at + index] !== word[index]) return -1;
  return at + word.length;
}

function endOfNumber(start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : endOfDigits(at);
  if (at > 0 && bytes[at] === 0x2e) at = endOfDigits(at + 1);
  if (at > 0 && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const sign = bytes[at + 1];
    at = endOfDigits(sign === 0x2b || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

/** At least one digit. */
function endOfDigits(start: number): number {
  let at = start;
  while (isDigit(bytes[at] as number)) at += 1;
  return at === start ? -1 : at;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

/**
 * Index behind the string whose opening quote stands before `start`, or -1. Four bytes at a time are looked at with what Sean Anderson's
 * Bit Twiddling Hacks call "determine if a word has a zero byte" and "a byte less than n". All three tests leave out bytes above ASCII by
 * the same mask. It stands here as a whole, since V8 calls a function for it as soon as what it inlined before is long enough.
 */
function endOfString(start: number): number {
  let at = start;
  for (;;) {
    let word = (at + 3) >> 2;
    const aligned = word << 2;
    while (at < aligned && ENDS[bytes[at] as number] === 0) at += 1;
    if (at === aligned) {
      for (;;) {
        const four = words[word] as number;
        const found =
          ((four ^ 0x2222_2222) - 0x0101_0101) | ((four ^ 0x5c5c_5c5c) - 0x0101_0101) | (four - 0x2020_2020);
        if ((found & ~four & 0x8080_8080) !== 0) break;
        word += 1;
      }
      at = word << 2;
      while (ENDS[bytes[at] as number] === 0) at += 1;
    }
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    at = byte === BACKSLASH ? endOfEscape(at) : -1;
    if (at < 0) return -1;
  }
}

/** Index behind the escape that begins at `at`, or -1. */
function endOfEscape(at: number): number {
  const length = ESCAPE_BYTES[bytes[at + 1] as number] as number;
  if (length === 0) return -1;
  for (let index = 2; index < length; index++) if (HEX_DIGITS[bytes[at + index] as number] === 0) return -1;
  return at + length;
}
