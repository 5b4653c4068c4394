/**
 * Webhooks going out: which hooks an event concerns, what is dropped without a trace, what is sent, logged and counted. One call
 * per hook, a limited number at a time, in no order, never repeated.
 */
import { randomUUID } from "node:crypto";
import type { EventRow } from "../../lib/events.ts";
import { EVENTS } from "../../lib/events.ts";
import { messageOf } from "../../lib/errors.ts";
import { alertStatus, recordOutcome } from "./auto-disable.ts";
import { branchPasses } from "./branch-filter.ts";
import { INTERNAL_ERROR, appendRow, redactMails } from "./events-log.ts";
import type { LogRow } from "./events-log.ts";
import type { Hook } from "./hook.ts";
import { hasFlag, interpolate } from "./hook.ts";
import type { Group, Project } from "./model.ts";
import { ancestry } from "./model.ts";
import { buildPayload } from "./payloads.ts";
import type { PayloadOptions } from "./payloads.ts";
import type { Json } from "./params.ts";
import { Recursion } from "./recursion.ts";
import type { Answer } from "./send.ts";
import { send } from "./send.ts";
import { loggedHeaders, render, triggerOf, wireHeaders } from "./wire.ts";
import type { World } from "./world.ts";

const MAX_BODY_BYTES = 25 * 1024 * 1024;
const MAX_LOGGED_BODY_BYTES = 8 * 1024;
const MAX_REFS = 3;

export type DropReason = "disabled" | "rate-limit" | "recursion" | "refs" | "branch-filter";

export interface Delivered {
  readonly hookId: number;
  /** The Idempotency-Key, and since 19.0 the webhook-id. */
  readonly key: string;
  /** Final status; null: no answer. */
  readonly status: number | null;
  /** Body of the answer, or what went wrong. */
  readonly message: string;
}

export interface TriggerReport {
  readonly delivered: readonly Delivered[];
  readonly dropped: readonly { readonly hookId: number; readonly reason: DropReason }[];
}

export interface TriggerOptions extends PayloadOptions {
  /** Branches or tags that the push touched: above three, no hook hears of it. @default 1 */
  readonly refCount?: number;
  /** X-Gitlab-Event-UUID of the call that caused the event: hooks that fired under it do not fire again. */
  readonly eventUuid?: string;
}

export interface DeliverOptions {
  readonly key?: string;
  readonly eventUuid?: string;
  /** A test: sent to a disabled hook as well. */
  readonly force?: boolean;
}

export class Delivery {
  readonly #world: World;
  readonly #recursion: Recursion;
  readonly #waiting: (() => void)[] = [];
  readonly #underway = new Set<Promise<unknown>>();
  #running = 0;

  constructor(world: World) {
    this.#world = world;
    this.#recursion = new Recursion(world.clock);
  }

  /** Fires an event of this kind; resolves when every call has been answered or has failed. */
  async trigger(target: Project | Group, kind: string, options: TriggerOptions = {}): Promise<TriggerReport> {
    const row = EVENTS.find((r) => r.kind === kind);
    if (!row) throw new TypeError(`Unknown kind of event "${kind}"`);
    const data = buildPayload(this.#world, target, row, options);
    const hooks = this.#concerned(target, row);
    const dropped: { hookId: number; reason: DropReason }[] = [];
    const calls: Promise<Delivered | DropReason>[] = [];
    const taken: Hook[] = [];
    for (const hook of hooks) {
      const reason = this.#dropReason(hook, row, data, target, options);
      if (reason !== null) {
        dropped.push({ hookId: hook.id, reason });
        continue;
      }
      taken.push(hook);
      const wanted = options.eventUuid === undefined ? {} : { eventUuid: options.eventUuid };
      calls.push(this.#track(this.#inTurn(() => this.deliver(hook, triggerOf(row.header), data, wanted))));
    }
    const delivered: Delivered[] = [];
    const results = await Promise.all(calls);
    results.forEach((result, index) => {
      if (typeof result !== "string") delivered.push(result);
      else dropped.push({ hookId: taken[index]?.id ?? 0, reason: result });
    });
    return { delivered, dropped };
  }

  /** Makes one call, writes its row and counts its outcome. @returns why it was not made, where it was not */
  async deliver(
    hook: Hook,
    trigger: string,
    data: Json,
    options: DeliverOptions = {},
  ): Promise<Delivered | "disabled" | "recursion"> {
    const world = this.#world;
    if (!options.force && alertStatus(world, hook) !== "executable") return "disabled";
    const eventUuid = options.eventUuid ?? randomUUID();
    if (!this.#recursion.register(eventUuid, hook.id)) return "recursion";
    const key = options.key ?? randomUUID();
    const started = world.clock.monotonic();
    const outcome = await this.#call(hook, trigger, data, key, eventUuid);
    const { answer } = outcome;
    appendRow(hook, {
      ...outcome.row,
      id: world.model.nextLogId(),
      createdAt: world.clock.now(),
      executionDuration: (world.clock.monotonic() - started) / 1000,
      responseHeaders: limitedHeaders(answer.headers),
      responseBody: Buffer.from(answer.body).subarray(0, MAX_LOGGED_BODY_BYTES).toString("utf8"),
      responseStatus: answer.status === null ? INTERNAL_ERROR : String(answer.status),
    });
    recordOutcome(world, hook, answer.status);
    return {
      hookId: hook.id,
      key,
      status: answer.status,
      message: answer.status === null ? answer.error : answer.body,
    };
  }

  /** Resolves when nothing that was triggered is still under way. */
  async settled(): Promise<void> {
    while (this.#underway.size > 0) await Promise.allSettled(this.#underway);
  }

  async #call(hook: Hook, trigger: string, data: Json, key: string, eventUuid: string): Promise<Called> {
    const world = this.#world;
    const url = interpolate(hook.url, hook.urlVariables) ?? hook.url;
    let body = new Uint8Array();
    let requestData = "{}";
    let problem: string | null = null;
    try {
      const payload = render(hook, data);
      body = new TextEncoder().encode(JSON.stringify(payload));
      const oversize = body.byteLength > world.settings.oversizeLogBytes;
      requestData = oversize ? '{"oversize":true}' : JSON.stringify(redactMails(payload));
      if (body.byteLength > MAX_BODY_BYTES) problem = "The payload is larger than 25 MB";
    } catch (error) {
      problem = `Error while parsing rendered custom webhook template: ${messageOf(error)}`;
    }
    const headers = wireHeaders(world, { hook, trigger, key, eventUuid, body });
    const row = {
      trigger,
      url: hook.url.replace(/^(https?:\/\/)[^/@]*@/, "$1*****:*****@"),
      calledUrl: url,
      requestHeaders: loggedHeaders(hook, headers),
      requestData,
    };
    if (problem !== null) return { row, answer: { status: null, headers: {}, body: "", error: problem } };
    const timeoutMs = world.settings.webhookTimeoutMs;
    const answer = await send(
      { url, headers, body, verifyTls: hook.sslVerification, timeoutMs },
      world.clock,
    );
    return { row, answer };
  }

  #concerned(target: Project | Group, row: EventRow): Hook[] {
    const { model, settings } = this.#world;
    const subscribed = (hook: Hook): boolean => row.flag !== null && hasFlag(hook, row.flag);
    const hooks: Hook[] = [];
    if ("group" in target && row.scopes.includes("project")) hooks.push(...target.hooks.filter(subscribed));
    if (row.scopes.includes("group") && (settings.tier === "premium" || settings.tier === "ultimate")) {
      const groups = ancestry("group" in target ? target.group : target);
      hooks.push(...groups.flatMap((group) => group.hooks.filter(subscribed)));
    }
    if (row.scopes.includes("system")) {
      hooks.push(...model.systemHooks.filter((hook) => row.flag === null || subscribed(hook)));
    }
    return hooks;
  }

  #dropReason(
    hook: Hook,
    row: EventRow,
    data: Json,
    target: Project | Group,
    options: TriggerOptions,
  ): DropReason | null {
    const { settings, throttle } = this.#world;
    const isPush = row.kind === "push" || row.kind === "tag_push";
    if (isPush && (options.refCount ?? 1) > MAX_REFS) return "refs";
    const branch = String(data["ref"]).replace("refs/heads/", "");
    if (row.kind === "push" && !branchPasses(hook, branch)) return "branch-filter";
    if (alertStatus(this.#world, hook) !== "executable") return "disabled";
    if (settings.hookCallsPerMinute > 0 && hook.level !== "system") {
      const top = ancestry("group" in target ? target.group : target).at(-1);
      if (throttle.exceeded(`web_hook_calls:${top?.id}`, settings.hookCallsPerMinute)) return "rate-limit";
    }
    return this.#recursion.blocks(options.eventUuid, hook.id) ? "recursion" : null;
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#world.settings.deliveryConcurrency) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  #track<T>(promise: Promise<T>): Promise<T> {
    this.#underway.add(promise);
    return promise.finally(() => this.#underway.delete(promise));
  }
}

interface Called {
  readonly row: Pick<LogRow, "trigger" | "url" | "calledUrl" | "requestHeaders" | "requestData">;
  readonly answer: Answer;
}

function limitedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .slice(0, 50)
      .map(([name, value]) => [name, value.slice(0, 1024)]),
  );
}
