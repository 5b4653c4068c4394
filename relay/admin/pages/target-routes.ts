/** Targets: all of them, one of them, and what is done to them. */
import { own } from "../../../lib/json.ts";
import { orphansOf } from "../../observe/attention/situation.ts";
import { fieldNames, formOf } from "../auth/forms.ts";
import { goneTargetPage } from "./gone.ts";
import type { Site } from "./site.ts";
import { targetPage } from "./target.ts";
import { targetsPage } from "./targets.ts";
import { targetRows } from "./view.ts";

export function mountTargets({ pages, deps, actions, masking, frame }: Site): void {
  const { queue, clock } = deps;

  pages.get("/targets", async (c) => {
    const stats = await queue.stats();
    const content = targetsPage({
      targets: targetRows(deps, stats),
      orphans: orphansOf(stats, fieldNames(deps)),
      refusedFiles: deps.routing
        .refusedFiles()
        .map(({ projectId, at, error }) => ({ projectId, at, error: masking().text(error) })),
      masking: masking(),
      mayAct: c.get("may")("act"),
      csrf: c.get("csrf"),
      now: clock.now(),
    });
    return frame(c, { title: "Targets", section: "targets", stream: "" }, content);
  });

  pages.get("/targets/:name", async (c) => {
    const name = c.req.param("name");
    const target = targetRows(deps, await queue.stats()).find((row) => row.name === name);
    const settings = own(deps.config().targets, name);
    if (target === undefined || settings === undefined)
      return frame(c, { title: "Not here", section: "targets", status: 404 }, goneTargetPage(name));
    const content = targetPage({
      target,
      settings,
      minutes: deps.targetMinutes(name),
      masking: masking(),
      mayAct: c.get("may")("act"),
      csrf: c.get("csrf"),
      now: clock.now(),
    });
    return frame(c, { title: name, section: "targets", stream: "" }, content);
  });

  pages.post("/targets/:name/move", async (c) => {
    const to = (await formOf(c))("to") ?? "";
    const moved = await actions.move(c.req.param("name"), to);
    return c.redirect(`/targets?notice=moved&n=${moved}`, 303);
  });

  for (const [verb, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const) {
    pages.post(`/targets/:name/${verb}`, async (c) => {
      const name = c.req.param("name");
      if (!fieldNames(deps).includes(name))
        return frame(c, { title: "Not here", section: "targets", status: 404 }, goneTargetPage(name));
      await actions.setPaused(name, paused);
      const back = c.req.header("referer");
      const path = back !== undefined && URL.canParse(back) ? new URL(back).pathname : "/";
      return c.redirect(`${/^\/targets(\/|$)/.test(path) ? path : "/"}?notice=${verb}d&target=${name}`, 303);
    });
  }
}
