/** The link that logs in once: made at the start for the person at the terminal, kept in memory alone. */
import { randomBytes } from "node:crypto";
import { sameText } from "./session.ts";

export interface LoginCode {
  /** The code; its first use logs in. */
  readonly code: string;
  /** True once, for the right code. */
  redeem(given: string): boolean;
}

export function createLoginCode(): LoginCode {
  const code = randomBytes(24).toString("base64url");
  let isUsed = false;
  return {
    code,
    redeem(given) {
      if (!sameText(given, code) || isUsed) return false;
      isUsed = true;
      return true;
    },
  };
}
