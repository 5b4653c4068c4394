/**
 * Small charts as inline SVG, drawn on the server: no script, no inline style (the content security policy allows neither), and
 * colours from the style sheet by class. Every chart says in words what it shows. Chart libraries draw in the browser, by script.
 */
import { html, raw } from "hono/html";
import type { Html } from "./html.ts";

const WIDTH = 600;
const HEIGHT = 120;
/** Room for the bars of an hour; labels stand outside the drawing. */
const GAP = 0.2;

export interface Series {
  /** Class of the style sheet: `c1` to `c6`, `good`, `bad`. */
  readonly className: string;
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export interface ChartOptions {
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  /** One name per position, shown on hovering. */
  readonly positions: readonly string[];
  readonly series: readonly Series[];
  /** The value with its unit. */
  readonly format: (value: number) => string;
  readonly height?: number;
  /** The round value above the largest. @default the next 1, 2 or 5 times a power of ten */
  readonly top?: (largest: number) => number;
}

/** Stacked bars, the first series at the bottom. */
export function barChart(options: ChartOptions): Html {
  const { series, positions } = options;
  const totals = positions.map((_, at) => series.reduce((sum, one) => sum + (one.values[at] ?? 0), 0));
  const top = (options.top ?? niceTop)(Math.max(0, ...totals));
  const height = options.height ?? HEIGHT;
  const step = WIDTH / Math.max(1, positions.length);
  let marks = "";
  positions.forEach((position, at) => {
    if (totals[at] === 0) return;
    let base = height;
    let bars = "";
    for (const one of series) {
      const value = one.values[at] ?? 0;
      if (value === 0) continue;
      const tall = (value / top) * height;
      base -= tall;
      bars += `<rect class="${one.className}" x="${px(at * step + (step * GAP) / 2)}" y="${px(base)}" width="${px(step * (1 - GAP))}" height="${px(tall)}"/>`;
    }
    const parts = series
      .filter((one) => (one.values[at] ?? 0) !== 0)
      .map((one) => `${one.name} ${options.format(one.values[at] as number)}`);
    marks += `<g><title>${escape(`${position}: ${parts.join(", ")}`)}</title><rect class="hit" x="${px(at * step)}" y="0" width="${px(step)}" height="${height}"/>${bars}</g>`;
  });
  return frame(options, top, height, marks);
}

/** Lines; where a value is missing, the line is interrupted. */
export function lineChart(options: ChartOptions): Html {
  const { series, positions } = options;
  const largest = Math.max(0, ...series.flatMap((one) => one.values.map((value) => value ?? 0)));
  const top = (options.top ?? niceTop)(largest);
  const height = options.height ?? HEIGHT;
  const step = WIDTH / Math.max(1, positions.length);
  const point = (at: number, value: number): string =>
    `${px(at * step + step / 2)} ${px(height - (value / top) * height)}`;
  let marks = "";
  for (const one of series) {
    let path = "";
    let drawing = false;
    one.values.forEach((value, at) => {
      if (value === null) {
        drawing = false;
        return;
      }
      const alone = !drawing && (one.values[at + 1] ?? null) === null;
      path += `${drawing ? "L" : "M"}${point(at, value)}${alone ? "h3" : ""}`;
      drawing = true;
    });
    if (path !== "") marks += `<path class="${one.className}" d="${path}"/>`;
  }
  positions.forEach((position, at) => {
    const parts = series
      .filter((one) => (one.values[at] ?? null) !== null)
      .map((one) => `${one.name} ${options.format(one.values[at] as number)}`);
    if (parts.length > 0)
      marks += `<g><title>${escape(`${position}: ${parts.join(", ")}`)}</title><rect class="hit" x="${px(at * step)}" y="0" width="${px(step)}" height="${height}"/></g>`;
  });
  return frame(options, top, height, marks);
}

function frame(options: ChartOptions, top: number, height: number, marks: string): Html {
  const { positions, series } = options;
  return html`<figure class="chart">
    <div class="plot">
      <span class="axis top">${options.format(top)}</span>
      <svg
        viewBox="0 0 ${WIDTH} ${height}"
        preserveAspectRatio="none"
        role="img"
        aria-label="${options.label}"
      >
        <path class="grid" d="M0 .5H${WIDTH}M0 ${height / 2}H${WIDTH}M0 ${height - 0.5}H${WIDTH}" />
        ${raw(marks)}
      </svg>
    </div>
    <figcaption>
      <span>${positions[0] ?? ""}</span>
      <span class="legend"
        >${series.map((one) => html`<span><i class="key ${one.className}"></i>${one.name}</span>`)}</span
      >
      <span>${positions.at(-1) ?? ""}</span>
    </figcaption>
  </figure>`;
}

/** The next round number: 1, 2 or 5 times a power of ten. */
export function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value - 1e-9) as number;
}

const ROUND_SECONDS = [
  1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800, 345_600,
  604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/** The next round time in seconds. */
export function niceSeconds(value: number): number {
  return ROUND_SECONDS.find((top) => top >= value) ?? niceTop(value);
}

function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
