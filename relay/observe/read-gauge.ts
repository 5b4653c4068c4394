/**
 * Gauges that are read afresh for each scrape. Scrapes may overlap: all samples are read first and then put in place in one step,
 * so that every scrape shows one whole reading.
 */
import { Gauge, type Registry } from "prom-client";

export interface GaugeSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ReadGauge {
  readonly name: string;
  readonly help: string;
  /** @default none */
  readonly labelNames?: readonly string[];
  /** The samples now; values with the same labels are added up. No sample is better than an invented zero. */
  readonly read: () => readonly GaugeSample[] | Promise<readonly GaugeSample[]>;
}

export function registerReadGauge(
  registry: Registry,
  { name, help, labelNames = [], read }: ReadGauge,
): void {
  const gauge: Gauge<string> = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const samples = await read();
      gauge.reset();
      // Without labels it is 0 after reset(), and has to go if nothing was read.
      if (labelNames.length === 0 && samples.length === 0) gauge.remove();
      for (const { labels, value } of samples) gauge.inc(labels, value);
    },
  });
}
