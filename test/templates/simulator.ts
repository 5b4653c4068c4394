/** The simulated GitLab in a process of its own, steered over HTTP: jobs of a pipeline reach it as they reach a real one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SimulatorOptions } from "../simulator/options.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface SimulatorProcess {
  readonly url: string;
  readonly token: string;
  /** A call of `/__sim/`; rejects with its text where it refuses. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startSimulator(options: SimulatorOptions): Promise<SimulatorProcess> {
  const args = ["--import", "tsx", `${root}test/simulator/main.ts`, "--options", JSON.stringify(options)];
  const child = spawn(process.execPath, [...args, "--until-eof"], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: root,
  });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { url, token } = JSON.parse(line) as { url: string; token: string };
  return {
    url,
    token,
    async control(method, path, body) {
      const answer = await fetch(`${url}/__sim/${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
