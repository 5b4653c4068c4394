/** A small line without axes, for the last hour of one figure. */
import { html, raw } from "hono/html";
import { grouped } from "../../../lib/numbers.ts";
import type { Html } from "./html.ts";

const WIDTH = 120;
const HEIGHT = 28;

export interface Sparkline {
  /** What it shows, for those who do not see it. */
  readonly label: string;
  readonly values: readonly number[];
  /** The minute of each value, shown on hovering. */
  readonly positions: readonly string[];
  /** Class of the style sheet. */
  readonly className: string;
}

export function sparkline({ label, values, positions, className }: Sparkline): Html {
  const top = Math.max(1, ...values);
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map(
    (value, at) => `${round(at * step)} ${round(HEIGHT - 2 - (value / top) * (HEIGHT - 4))}`,
  );
  return html`<svg
    class="spark"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    ${raw(`<path class="${className}" d="M${points.join("L")}"/>`)}
    ${positions.map(
      (position, at) =>
        html`<g
          ><title>${position}: ${grouped(values[at] ?? 0)}</title>
          <rect class="hit" x="${round((at - 0.5) * step)}" width="${round(step)}" height="${HEIGHT}"></rect
        ></g>`,
    )}
  </svg>`;
}

/** How much of something went well, as a bar; empty if there was nothing. */
export function shareBar(good: number, bad: number, label: string): Html {
  const all = good + bad;
  const wide = all === 0 ? 0 : round((good / all) * WIDTH);
  return html`<svg
    class="share-bar"
    viewBox="0 0 ${WIDTH} 6"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    <title>${label}</title>
    ${raw(
      all === 0
        ? `<rect class="c4" width="${WIDTH}" height="6"/>`
        : `<rect class="c2" width="${wide}" height="6"/><rect class="bad" x="${wide}" width="${WIDTH - wide}" height="6"/>`,
    )}
  </svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
