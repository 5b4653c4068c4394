/** Certificates of authorities in a file. Node passes over what is none, so that a wrong file would show at the first connection only. */
import { X509Certificate } from "node:crypto";
import { messageOf } from "./errors.ts";

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]{1,100000}-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** What is wrong with the text of a CA file, in PEM form; null: nothing. */
export function authoritiesProblem(pem: string): string | null {
  const found = pem.match(CERTIFICATE);
  if (found === null) return "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
  for (const [index, one] of found.entries()) {
    try {
      // Only its form counts: an authority that has expired may be on its way out of the file.
      void new X509Certificate(one);
    } catch (error) {
      return `certificate ${index + 1} of ${found.length} cannot be read: ${messageOf(error)}`;
    }
  }
  return null;
}
