/** Options whose value is a count. */
import { UsageError, type Given } from "./command.ts";

/** From 1 to `most`; undefined: the option is not given. Throws a UsageError. */
export function countOption(given: Given, option: string, most: number): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number < 1 || number > most)
    throw new UsageError(`${option} must be a whole number from 1 to ${most}, not "${text}"`);
  return number;
}
