/** What is valid among the settings and yet hardly meant: weak or unusable secrets, and signatures that targets will refuse. */
import type { Problem } from "../../lib/errors.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { secretPlaces } from "../../lib/settings-secrets.ts";
import { configSchema, type Config } from "./schema.ts";

/** Characters below which a secret can be guessed. */
const LEAST_SECRET = 16;
/** What a header's value may be without being changed on its way. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** For the log at each start and reload, and for --check. No text holds a secret. */
export function secretAdvice(config: Config): Problem[] {
  const { gitlab, instances, admin } = config;
  return [
    ...credentialAdvice("gitlab", gitlab),
    ...Object.entries(instances).flatMap(([name, one]) => credentialAdvice(`instances.${name}`, one)),
    ...(admin.token === "" ? [] : headerAdvice("admin.token", admin.token)),
    ...secretPlaces(configSchema, config)
      .filter(({ secret }) => secret.trim() !== secret)
      .map(({ path }) => ({
        path: path.join("."),
        message: "begins or ends with white space, which is part of it; take it away unless it is meant",
      })),
  ];
}

function credentialAdvice(path: string, { secretTokens, masterSecret }: Config["gitlab"]): Problem[] {
  return [
    ...secretTokens.flatMap((token, index) => headerAdvice(`${path}.secretTokens.${index}`, token)),
    ...splitSecrets(masterSecret).flatMap((secret) => lengthAdvice(`${path}.masterSecret`, secret)),
  ];
}

function lengthAdvice(path: string, secret: string): Problem[] {
  const { length } = secret.trim();
  if (length >= LEAST_SECRET) return [];
  const cure = `use at least ${LEAST_SECRET}, such as from: openssl rand -hex 32`;
  return [{ path, message: `has ${length} characters and can be guessed; ${cure}` }];
}

/** Of a secret that requests carry. White space at an end is told of every secret. */
function headerAdvice(path: string, secret: string): Problem[] {
  const message =
    "has characters that no header can carry, so that no request will ever fit; use letters, digits and ASCII signs";
  return [...lengthAdvice(path, secret), ...(HEADER_VALUE.test(secret.trim()) ? [] : [{ path, message }])];
}

/** For --check: targets that get GitLab's own signature, late or over other bytes. */
export function signatureAdvice({ gitlab, instances, targets }: Config): Problem[] {
  const signing = [gitlab, ...Object.values(instances)].filter(
    ({ signingTokens, masterSecret }) => signingTokens.length > 0 || masterSecret !== "",
  );
  if (signing.length === 0) return [];
  const toleranceSeconds = Math.min(...signing.map((one) => one.signatureToleranceSeconds));
  return Object.entries(targets).flatMap(([name, target]) => {
    if (target.type !== "http" || target.signingTokens.length > 0) return [];
    const isWrapped = target.format === "cloudevents" && target.cloudEventsMode === "structured";
    const message = isWrapped
      ? "is empty: GitLab's signature is over the received bytes and never fits the CloudEvent; set signingTokens if the target checks signatures"
      : `is empty: an attempt that is made later than ${toleranceSeconds} seconds after receipt carries a signature that targets refuse as too old; set signingTokens if the target checks signatures`;
    return [{ path: `targets.${name}.signingTokens`, message }];
  });
}
