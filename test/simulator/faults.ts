/** Trouble on demand: the next requests that match a rule fail in the way that it names. */
import type { Blocker } from "./options.ts";

export type FaultAction =
  /** Answers with the status instead of executing the request. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string;
      readonly headers?: Record<string, string>;
    }
  /** Answers as something in front of GitLab does that refuses on its own. */
  | { readonly kind: "blocked"; readonly by: Blocker }
  /** Never answers; the connection stays open. */
  | { readonly kind: "hang" }
  /** Cuts the connection instead of executing the request. */
  | { readonly kind: "reset" }
  /** Executes the request, then cuts the connection instead of answering. */
  | { readonly kind: "lose-answer" }
  /** Executes the request, then answers with the status. */
  | { readonly kind: "status-after"; readonly status: number }
  /** Answers later. */
  | { readonly kind: "delay"; readonly ms: number };

export interface FaultRule {
  readonly method?: string;
  /** As the counters name it, with or without method: `/projects/:id/hooks`. */
  readonly route?: string;
  /** Part of the path as it was sent. */
  readonly path?: string;
  /** Matching requests that go through before the first one fails. @default 0 */
  readonly skip?: number;
  /** How many requests fail; `always`: until the faults are cleared. @default 1 */
  readonly times?: number | "always";
  readonly action: FaultAction;
}

interface Armed {
  readonly rule: FaultRule;
  skip: number;
  times: number;
}

export class Faults {
  #armed: Armed[] = [];

  add(rule: FaultRule): void {
    const times = rule.times === "always" ? Infinity : (rule.times ?? 1);
    this.#armed.push({ rule, skip: rule.skip ?? 0, times });
  }

  clear(): void {
    this.#armed = [];
  }

  /** Rules that have not been used up. */
  get pending(): number {
    return this.#armed.length;
  }

  /** The trouble that this request meets; the first rule that matches decides. */
  take(method: string, route: string, path: string): FaultAction | null {
    for (const armed of this.#armed) {
      if (!matches(armed.rule, method, route, path)) continue;
      if (armed.skip > 0) {
        armed.skip--;
        continue;
      }
      armed.times--;
      if (armed.times <= 0) this.#armed = this.#armed.filter((other) => other !== armed);
      return armed.rule.action;
    }
    return null;
  }
}

function matches(rule: FaultRule, method: string, route: string, path: string): boolean {
  if (rule.method !== undefined && rule.method.toUpperCase() !== method) return false;
  if (rule.route !== undefined && rule.route !== route && rule.route !== `${method} ${route}`) return false;
  return rule.path === undefined || path.includes(rule.path);
}

export interface FrontAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** How each of those answers that refuse requests before they reach GitLab. */
export const BLOCKED_ANSWERS: Readonly<Record<Blocker, FrontAnswer>> = {
  "rack-attack": { status: 403, type: "text/plain", body: "Forbidden\n" },
  waf: {
    status: 403,
    type: "text/html; charset=UTF-8",
    body: "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. Your support ID is: 4711</body></html>",
  },
  cloudflare: {
    status: 403,
    type: "text/html; charset=UTF-8",
    body: "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>",
  },
  "sign-in": {
    status: 200,
    type: "text/html; charset=utf-8",
    body: "<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action=/login method=post></form></body></html>",
  },
};

/** What stands before GitLab answers in its place: HTML for a gateway, JSON for the application. */
export function faultBody(status: number): { readonly type: string; readonly body: string } {
  if (status === 500) return { type: "application/json", body: '{"message":"500 Internal Server Error"}' };
  if (status === 502) {
    return {
      type: "text/html",
      body: "<!DOCTYPE html>\n<html><head><title>GitLab is not responding (502)</title></head><body>502</body></html>",
    };
  }
  if (status === 429) return { type: "text/plain", body: "Retry later" };
  return { type: "text/html", body: `<html><body><h1>${status}</h1></body></html>` };
}
