/** The simulated GitLab, as the demo uses it: pushes that fire webhooks, what became of each, and "resend" in the hook's log. */
import pLimit from "p-limit";

/** Pushes that happen at the same time. */
const AT_ONCE = 50;
/** What GitLab shows at most on a page of a hook's log. */
const LOG_PAGE = 20;

export interface Sent {
  readonly projectId: number;
  readonly hookId: number;
  /** Idempotency-Key: what GitLab calls the delivery. */
  readonly key: string;
  /** Null: no answer came. */
  readonly status: number | null;
}

export interface HookInside {
  readonly id: number;
  readonly parentId: number;
  readonly url: string;
}

export interface GitLab {
  hooks(): Promise<readonly HookInside[]>;
  /** Pushes so often to every project; `onSent` hears of each webhook as soon as GitLab knows its end. */
  push(projectIds: readonly number[], times: number, onSent: (sent: Sent) => void): Promise<void>;
  /** Sends deliveries again that failed, as the button in the hook's log does. Returns their new status. */
  resend(failed: readonly Sent[]): Promise<readonly Sent[]>;
}

interface LogRow {
  readonly id: number;
  readonly request_headers: Readonly<Record<string, string>>;
}

export function createGitLab(url: string, token: string): GitLab {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { "private-token": token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  async function resendOne(sent: Sent): Promise<Sent> {
    const log = `/api/v4/projects/${sent.projectId}/hooks/${sent.hookId}/events`;
    const rows = await call<LogRow[]>("GET", `${log}?per_page=${LOG_PAGE}`);
    const row = rows.find((r) => r.request_headers["Idempotency-Key"] === sent.key);
    if (row === undefined) throw new Error(`GitLab's log does not have delivery ${sent.key}`);
    const { response_status: status } = await call<{ response_status: number }>(
      "POST",
      `${log}/${row.id}/resend`,
    );
    return { ...sent, status };
  }

  return {
    hooks: () => call("GET", "/__sim/hooks"),
    async push(projectIds, times, onSent) {
      const limit = pLimit(AT_ONCE);
      const pushes = Array.from({ length: times }, () => projectIds).flat();
      const report = async (project: number): Promise<void> => {
        const { delivered } = await call<{ delivered: Omit<Sent, "projectId">[] }>("POST", "/__sim/trigger", {
          project,
          kind: "push",
        });
        for (const sent of delivered) onSent({ ...sent, projectId: project });
      };
      await Promise.all(pushes.map((project) => limit(() => report(project))));
    },
    async resend(failed) {
      const limit = pLimit(AT_ONCE);
      return Promise.all(failed.map((sent) => limit(() => resendOne(sent))));
    },
  };
}
