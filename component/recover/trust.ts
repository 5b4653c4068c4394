/**
 * Which addresses may be given the hooks' secret by this job. GitLab calls whatever address a hook has; the job must not: whoever
 * may edit one project's hooks could copy our marker into a hook of his own and have the shared secret sent to him.
 */
import { normalisedUrl, withoutHookKey } from "../hooks/address.ts";
import { createDesire, markerIn, type Desire } from "../hooks/desired.ts";
import type { Hook, Level } from "../gitlab/types.ts";
import type { RunConfig } from "../hooks/round.ts";

export type Trust = (hook: Hook, level: Level, parentId: number) => string | null;

/**
 * Trusted is the address of `--url`, and any other that carries a fingerprint which only somebody with the secrets can have made.
 * The returned function answers why an address gets nothing from this job; null: it does.
 */
export function createTrust(config: RunConfig): Trust {
  const desires = new Map<string, Desire>();

  function desireFor(url: string): Desire {
    const base = withoutHookKey(url);
    const known = desires.get(base);
    if (known) return known;
    const desire = createDesire({ ...config, url: base });
    desires.set(base, desire);
    return desire;
  }

  return function distrust(hook, level, parentId) {
    if (!URL.canParse(hook.url) || /[{}]/.test(hook.url)) {
      return "the address of the hook is masked, so that only GitLab knows it";
    }
    if (config.url !== null) {
      return normalisedUrl(hook.url) === normalisedUrl(config.url)
        ? null
        : "the address of the hook is not that of --url: the install command puts it right";
    }
    const marker = markerIn(hook["description"]);
    if (marker !== null && marker.fingerprint === desireFor(hook.url)(level, parentId).marker.fingerprint) {
      return null;
    }
    return "without --url the job sends nothing to an address whose hook was not installed with the secrets that it has";
  };
}
