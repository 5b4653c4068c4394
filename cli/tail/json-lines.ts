/** JSON Lines of an answer, as they come; what a broken connection leaves of a last line is dropped. */
import { jsonOrNull } from "../../lib/json.ts";

/** Characters of a line; the longest body that a relay takes by default makes 35 million. */
const LONGEST_LINE = 400_000_000;

/** Empty lines are left out; one that is no JSON is null. Throws a RangeError if a line is too long. */
export async function* jsonLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, undefined> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of body) {
    const [first = "", ...lines] = decoder.decode(chunk, { stream: true }).split("\n");
    parts.push(first);
    length += first.length;
    if (length > LONGEST_LINE) throw new RangeError(`a line of the answer is longer than ${LONGEST_LINE}`);
    for (const line of lines) {
      const whole = parts.join("");
      parts = [line];
      ({ length } = line);
      if (whole !== "") yield jsonOrNull(whole);
    }
  }
  return undefined;
}
