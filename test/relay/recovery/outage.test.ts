/** The relay heals by itself: simulated GitLab, real relay as a process that is killed, the recovery program as its child. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { eventually } from "../../helpers/eventually.ts";
import { AS_ADMIN, killRelays, type RelayProcess } from "../../helpers/relay-process.ts";
import { runInstaller, SECRET } from "../../helpers/installer.ts";
import { hookOf, pushes, range } from "../../helpers/recovery.ts";
import { stageRelay, type Closing, type Stage } from "../../helpers/relay-stage.ts";
import type { Project } from "../../simulator/model.ts";
import { HEARTBEAT_FILE } from "../../../relay/storage/files/heartbeat.ts";
import { createSimulator, type Simulator } from "../../simulator/simulator.ts";

const closing: Closing = [];
afterEach(async () => {
  await killRelays();
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A GitLab with hooks of its own at the relay. */
async function gitlabWith(
  count: number,
): Promise<{ sim: Simulator; projects: readonly Project[]; group: string }> {
  const sim = await createSimulator({ tier: "free" });
  closing.push(() => sim.close());
  const { group, projects } = sim.seed.tree({ projects: count });
  return { sim, projects, group: group.path };
}

/** Once it has noted that it is there: without a note it knows of no absence. */
async function killed({ folder }: Stage, { child, exited }: RelayProcess): Promise<void> {
  await eventually(() => readFileSync(join(folder, "data", HEARTBEAT_FILE)).length > 0);
  child.kill("SIGKILL");
  await exited;
}

test("relay: after kill -9 it has fetched back what two GitLabs logged as failed, once and in order, and hooks are executable again", async () => {
  const [own, partner] = [await gitlabWith(8), await gitlabWith(2)];
  const partnerSecret = "the-secret-of-the-partner";
  const recovery = { url: own.sim.url, tokens: [own.sim.token.value], group: own.group };
  const ofPartner = { tokens: ["glpat-of-nobody", partner.sim.token.value], group: partner.group };
  const instances = {
    partner: { url: partner.sim.url, secretTokens: [partnerSecret], recovery: ofPartner },
  };
  const relay = await stageRelay(closing, { GITLAB_WEBHOOK_SECRET: SECRET }, { recovery, instances });
  const env = { HOOKS_URL: relay.url };
  expect((await runInstaller(own.sim, { env })).status).toBe(0);
  const partnerEnv = { ...env, GITLAB_WEBHOOK_SECRET: partnerSecret };
  expect((await runInstaller(partner.sim, { env: partnerEnv })).status).toBe(0);

  const first = await relay.start();
  const before = await Promise.all(own.projects.map((project) => pushes(own.sim, project, [0])));
  await relay.target.arrived(before.flatMap((sent) => sent.keys));
  await killed(relay, first);

  own.sim.settings.autoDisable = true;
  const keys: string[] = [];
  for (const project of own.projects) keys.push(...(await pushes(own.sim, project, range(1, 6))).keys);
  expect(keys).toHaveLength(own.projects.length * 4);
  expect(own.sim.inspect(hookOf(own.projects[0]!))["alertStatus"]).not.toBe("executable");
  const partnerKeys: string[] = [];
  for (const project of partner.projects)
    partnerKeys.push(...(await pushes(partner.sim, project, [1, 2])).keys);

  const second = await relay.start();
  await relay.target.arrived([...keys, ...partnerKeys]);
  const api = async (path: string): Promise<unknown> =>
    (await fetch(`${await second.url()}/api/v1/${path}`, { headers: AS_ADMIN })).json();
  const ended = (count: number): object => ({
    state: "idle",
    missed: null,
    last: { missed: count, delivered: count, outstanding: 0 },
  });
  await eventually(async () => {
    expect(await api("recovery")).toMatchObject({
      configured: true,
      ...ended(keys.length),
      instances: [
        { instance: "default", ...ended(keys.length) },
        { instance: "partner", ...ended(partnerKeys.length) },
      ],
    });
    return true;
  });
  for (const project of own.projects) {
    const order = relay.target.arrivals
      .filter(
        ({ projectId, sequence, headers }) =>
          projectId === project.id && (sequence ?? 0) > 0 && headers["x-relay-instance"] === undefined,
      )
      .map(({ sequence }) => sequence);
    expect(order).toEqual(range(1, 4));
    expect(own.sim.inspect(hookOf(project))["alertStatus"]).toBe("executable");
  }
  const ofThePartner = relay.target.arrivals.filter(
    ({ headers }) => headers["x-relay-instance"] === "partner",
  );
  expect(ofThePartner.map(({ key }) => key).toSorted()).toEqual(partnerKeys.toSorted());
  expect(JSON.stringify(await api("attention"))).not.toContain("recovery-due");
  const metrics = await (await fetch(`${await second.url()}/metrics`)).text();
  expect(metrics).toContain(`relay_recovery_delivered_total ${keys.length}`);
  expect(metrics).toContain(`relay_recovery_delivered_total{gitlab="partner"} ${partnerKeys.length}`);
  expect(second.output()).not.toContain(own.sim.token.value);
}, 120_000);
