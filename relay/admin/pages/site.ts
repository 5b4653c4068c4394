/** What the pages of all subjects share: what they show, what their forms do, and the frame around them. */
import type { Context, Hono } from "hono";
import { UpstreamError } from "../../../lib/errors.ts";
import type { ApiParts } from "../api/api-parts.ts";
import { createBasePath } from "../../http/base-path.ts";
import { fieldNames, noticedJob, noticeOf, queryOf } from "../auth/forms.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import type { Html } from "./html.ts";
import { DEFAULT_NAME, layout, type Assets, type Section } from "./layout.ts";
import { allChecks } from "./view.ts";

export type PageContext = Context<AdminEnv>;

export interface PageOptions {
  readonly title: string;
  readonly section: Section | null;
  /** Query of the live stream that the page follows. @default it does not change by itself */
  readonly stream?: string | null;
  /** @default 200 */
  readonly status?: 200 | 404;
}

export interface Site extends Pick<ApiParts, "actions" | "masking" | "readFilter"> {
  readonly pages: Hono<AdminEnv>;
  readonly deps: AdminDeps;
  /** Answers with the content in the frame of every page. */
  frame(c: PageContext, options: PageOptions, content: Html): Promise<Response>;
}

/** Which relay this is, for its pages. */
export function relayName(deps: Pick<AdminDeps, "config">): string {
  return deps.config().server.name || DEFAULT_NAME;
}

/** Where the browser that asks would send a webhook to. */
export function webhookUrl(c: PageContext, deps: Pick<AdminDeps, "config">): string {
  const { prefix } = createBasePath(deps.config().server.basePath);
  return `${new URL(c.req.url).origin}${prefix}/webhooks/gitlab`;
}

/** @param assets the addresses of script and style sheet */
export function createFrame(deps: AdminDeps, assets: Assets): Site["frame"] {
  const { queue, activity = null } = deps;
  /** Null if the storage is out of reach: a page that can do without it shows that trouble instead. */
  const deadNow = async (): Promise<number | null> => {
    try {
      return (await queue.stats()).byState.dead;
    } catch (error) {
      if (error instanceof UpstreamError) return null;
      throw error;
    }
  };

  return async (c, options, content) =>
    c.html(
      layout(
        {
          assets,
          name: relayName(deps),
          title: options.title,
          section: options.section,
          csrf: c.get("csrf"),
          canLogOut: c.get("identity").person.via !== "proxy",
          person: c.get("identity").person,
          troubles: allChecks(deps)
            .filter((check) => !check.ok)
            .map((check) => `${check.name}: ${check.detail}`),
          dead: await deadNow(),
          stream: options.stream ?? null,
          since: c.get("since"),
          notice: noticeOf(queryOf(c), fieldNames(deps)),
          job: noticedJob(queryOf(c)),
          hasActivity: activity !== null,
        },
        content,
      ),
      options.status ?? 200,
    );
}
