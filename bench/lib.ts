/**
 * What every benchmark shares: interleaved rounds, medians, a table on the terminal and the same as JSON.
 * Figures are compared within one run only: the machine's mood is part of every number, but not of a ratio.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { createInterface, type Interface } from "node:readline";

export interface Measured {
  readonly name: string;
  readonly unit: string;
  /** One value per round. */
  readonly values: readonly number[];
}

export interface Row {
  readonly name: string;
  readonly median: number;
  readonly unit: string;
  /** Half the distance between the smallest and the largest value, in percent of the median. */
  readonly spreadPercent: number;
  /** Median divided by that of the row it is compared with; null for that row itself. */
  readonly ratio: number | null;
  readonly comparedWith: string | null;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** The smallest value that is not below `share` of all, such as 0.99. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}

/** Rows of a table; `comparedWith` names the row that a row's ratio is taken against. */
export function rows(measured: readonly Measured[], comparedWith: (name: string) => string | null): Row[] {
  const medians = new Map(measured.map((m) => [m.name, median(m.values)]));
  return measured.map(({ name, unit, values }) => {
    const middle = medians.get(name) as number;
    const other = comparedWith(name);
    const base = other === null ? undefined : medians.get(other);
    return {
      name,
      unit,
      median: middle,
      spreadPercent: middle === 0 ? 0 : ((Math.max(...values) - Math.min(...values)) / 2 / middle) * 100,
      ratio: base === undefined ? null : middle / base,
      comparedWith: base === undefined ? null : other,
    };
  });
}

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);

/** Prints the table as Markdown and writes it to bench/results/<name>.json. */
export function report(
  name: string,
  table: readonly Row[],
  facts: Readonly<Record<string, unknown>> = {},
): void {
  console.log(`\n## ${name}\n`);
  console.log("| name | median | unit | spread | ratio |\n| --- | ---: | --- | ---: | --- |");
  for (const row of table) {
    const ratio = row.ratio === null ? "" : `${row.ratio.toFixed(2)} x ${row.comparedWith}`;
    console.log(
      `| ${row.name} | ${number(row.median)} | ${row.unit} | ±${row.spreadPercent.toFixed(0)} % | ${ratio} |`,
    );
  }
  for (const [key, value] of Object.entries(facts)) console.log(`\n${key}: ${JSON.stringify(value)}`);
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    platform: process.platform,
  };
  const folder = new URL("results/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const content = {
    name,
    date: new Date().toISOString(),
    machine,
    command: `npx tsx bench/${name}.ts`,
    rows: table,
    facts,
  };
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(content, null, 2)}\n`);
}

/** Seconds of processor time that the threads of a process have used; NaN if the system does not say. */
export function cpuSeconds(pid: number | undefined): number {
  const folder = `/proc/${pid}/task`;
  try {
    const threads = readdirSync(folder).map((thread) =>
      Number(readFileSync(`${folder}/${thread}/schedstat`, "latin1").split(" ", 1)[0]),
    );
    return threads.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
  } catch {
    return Number.NaN;
  }
}

export interface Child {
  readonly process: ChildProcess;
  /** The first line it printed, as JSON: by then it is ready. */
  readonly ready: Record<string, unknown>;
  /** The lines that it prints after that one. */
  readonly lines: Interface;
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly core?: number;
  readonly command?: string;
  readonly env?: Record<string, string>;
  /** Is told the id of the process before it is ready. */
  readonly started?: (pid: number | undefined) => void;
}

/** Starts a script with tsx (or the given command), on one core where the machine has `taskset`, and waits for its first line. */
export async function startChild(args: readonly string[], options: ChildOptions = {}): Promise<Child> {
  const command = options.command ?? process.execPath;
  const own = options.command === undefined ? ["--import", "tsx", ...args] : [...args];
  const pinned = process.platform === "linux" && options.core !== undefined;
  const child = pinned
    ? spawn("taskset", ["-c", String(options.core), command, ...own], {
        stdio: ["pipe", "pipe", "inherit"],
        env: { ...process.env, ...options.env },
      })
    : spawn(command, own, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...options.env } });
  options.started?.(child.pid);
  const lines = createInterface({ input: child.stdout });
  const [first] = (await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(() => {
      throw new Error(`${args.join(" ")} ended before it was ready`);
    }),
  ])) as [string];
  lines.on("line", () => {});
  return {
    process: child,
    ready: JSON.parse(first) as Record<string, unknown>,
    lines,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}
