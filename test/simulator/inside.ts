/** The simulated database from inside, secrets included: what tests compare the installer's work with. Never part of the API. */
import { alertStatus } from "./auto-disable.ts";
import type { Hook } from "./hook.ts";
import { HOOK_FLAGS, hasFlag, setFlag } from "./hook.ts";
import type { LogRow, SyntheticLog } from "./events-log.ts";
import type { Json } from "./params.ts";
import type { World } from "./world.ts";

/** Everything about a hook. */
export function insideOfHook(world: World, hook: Hook): Json {
  return {
    id: hook.id,
    level: hook.level,
    parentId: hook.parentId,
    url: hook.url,
    name: hook.name,
    description: hook.description,
    flags: HOOK_FLAGS.filter((flag) => hasFlag(hook, flag)),
    sslVerification: hook.sslVerification,
    token: hook.token,
    signingToken: hook.signingToken,
    customHeaders: Object.fromEntries(hook.customHeaders ?? []),
    urlVariables: Object.fromEntries(hook.urlVariables ?? []),
    branchFilter: hook.branchFilter,
    alertStatus: alertStatus(world, hook),
    recentFailures: hook.recentFailures,
    logRows: (hook.log?.length ?? 0) + (hook.syntheticLog?.count ?? 0),
  };
}

export interface HookChange {
  readonly url?: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly token?: string | null;
  readonly signingToken?: string | null;
  readonly sslVerification?: boolean;
  /** Flags that are on; all others are off. */
  readonly flags?: readonly string[];
  readonly customHeaders?: Readonly<Record<string, string>>;
  /** Failures in a row, as if they had happened: 4 pauses the hook, 40 ends it (with `autoDisable`). */
  readonly recentFailures?: number;
  readonly disabledUntil?: number | null;
}

/** Changes a hook past the API and its rules. */
export function changeHook(hook: Hook, change: HookChange): void {
  const { flags, customHeaders, ...plain } = change;
  Object.assign(hook, plain);
  if (flags) for (const flag of HOOK_FLAGS) setFlag(hook, flag, flags.includes(flag));
  if (customHeaders) hook.customHeaders = new Map(Object.entries(customHeaders));
}

export interface SyntheticOptions {
  readonly count: number;
  /** Time of the newest row. @default now */
  readonly newestAt?: number;
  /** Milliseconds between two rows. @default 1000 */
  readonly stepMs?: number;
  /** Status of row `index`, 0 being the newest. @default always "200" */
  readonly status?: (index: number) => string;
}

/** A long history of push deliveries for a hook that costs memory only where it is read. */
export function syntheticLog(world: World, hook: Hook, options: SyntheticOptions): SyntheticLog {
  const newest = options.newestAt ?? world.clock.now();
  const step = options.stepMs ?? 1000;
  const status = options.status ?? ((): string => "200");
  const firstId = world.model.reserveLogIds(options.count);
  const row = (index: number): LogRow => {
    const id = firstId + options.count - 1 - index;
    const key = `00000000-0000-4000-8000-${id.toString(16).padStart(12, "0")}`;
    return {
      id,
      createdAt: newest - index * step,
      trigger: "push_hooks",
      url: hook.url,
      calledUrl: hook.url,
      requestHeaders: {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Push Hook",
        "X-Gitlab-Instance": world.baseUrl,
        "Idempotency-Key": key,
      },
      requestData: JSON.stringify({
        object_kind: "push",
        event_name: "push",
        ref: "refs/heads/main",
        project_id: hook.parentId,
      }),
      responseHeaders: {},
      responseBody: "",
      executionDuration: 0.01,
      responseStatus: status(index),
    };
  };
  return { count: options.count, row };
}
