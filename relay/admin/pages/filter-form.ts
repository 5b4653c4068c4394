/** The filters of the list of events as a form: everything in it is in the address, and an empty field is no filter. */
import { html } from "hono/html";
import { grouped } from "../../../lib/numbers.ts";
import { stateWord, type Html } from "./html.ts";
import type { KindCounts, QueueStats } from "../../queue/queue.ts";
import { EVENT_STATES, RANGES, type Read } from "../api/query.ts";

/** Of which more than one can be chosen. */
const STATUSES = ["2xx", "4xx", "5xx", "none"];

export interface FilterView {
  readonly read: Read;
  readonly targets: readonly string[];
  /** Names of the GitLabs; empty: there is only one. */
  readonly instances: readonly string[];
  /** The time range in force, wall clock; absent: open. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly isFiltered: boolean;
  /** Of all events that are kept, and of their deliveries. */
  readonly kinds: KindCounts;
  readonly byState: QueueStats["byState"];
}

export function filterForm(view: FilterView): Html {
  const { read } = view;
  const value = (name: string): string => read(name) ?? "";
  const isOwnRange = value("from") !== "" || value("to") !== "";
  const more = ["action", "actor", "from", "to"].some((name) => value(name) !== "");
  return html`<form class="filters" method="get" action="/events" role="search">
    <label class="wide"
      >Search<input
        type="search"
        name="q"
        value="${value("q")}"
        placeholder="words, !42, or an id"
        autocomplete="off"
    /></label>
    ${field("project", "Project", value("project"), "acme/** or a word")}
    ${several({ name: "kind", label: "Kind", value: value("kind"), unit: "events", options: kindOptions(view.kinds) })}
    ${several({
      name: "state",
      label: "State",
      value: value("state"),
      unit: "deliveries",
      options: EVENT_STATES.map((state) => ({
        value: state,
        text: stateWord(state),
        count: state in view.byState ? grouped(view.byState[state as keyof typeof view.byState]) : "",
      })),
    })}
    ${selectField({
      name: "target",
      label: "Target",
      value: value("target"),
      none: "any target",
      options: view.targets.map((name) => [name, name]),
    })}
    ${
      view.instances.length === 0
        ? ""
        : selectField({
            name: "instance",
            label: "GitLab",
            value: value("instance"),
            none: "any GitLab",
            options: view.instances.map((name) => [name, name]),
          })
    }
    <label
      >Answer<input
        name="status"
        value="${value("status")}"
        list="statuses"
        placeholder="422, 5xx, none"
        autocomplete="off"
    /></label>
    <datalist id="statuses">${STATUSES.map((status) => html`<option value="${status}"></option>`)}</datalist>
    ${selectField({
      name: "range",
      label: "Received",
      value: value("range"),
      none: isOwnRange ? "own range" : "any time",
      options: [...RANGES],
    })}
    <div class="go">
      <button class="primary">Filter</button>${view.isFiltered ? html` <a href="/events">Clear</a>` : ""}
    </div>
    <details class="more" ${more ? "open" : ""}>
      <summary>More filters</summary>
      <div>
        ${field("action", "Action", value("action"), "open")}
        ${field("actor", "Actor", value("actor"), "alice")}
        ${time("from", "From", isOwnRange ? view.from : undefined)}
        ${time("to", "To", isOwnRange ? view.to : undefined)}
      </div>
    </details>
  </form>`;
}

function field(name: string, label: string, value: string, hint: string): Html {
  return html`<label
    >${label}<input name="${name}" value="${value}" placeholder="${hint}" autocomplete="off"
  /></label>`;
}

/** In UTC; the page's script shows and sends it in the zone that is chosen. */
function time(name: string, label: string, ms: number | undefined): Html {
  const value = ms === undefined ? "" : new Date(ms).toISOString().slice(0, 19);
  return html`<label
    ><span>${label} (<span class="zone">UTC</span>)</span
    ><input type="datetime-local" step="1" name="${name}" value="${value}"
  /></label>`;
}

export interface SelectField {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  /** Text of the option that means no value. */
  readonly none: string;
  readonly options: readonly (readonly [value: string, text: string])[];
}

/** A select of one value, "" for none. */
export function selectField({ name, label, value, none, options }: SelectField): Html {
  const isKnown = value === "" || options.some(([option]) => option === value);
  const all = isKnown ? options : [...options, [value, value] as const];
  return html`<label
    >${label}<select name="${name}">
      <option value="">${none}</option>
      ${all.map(([option, text]) => html`<option value="${option}" ${option === value ? "selected" : ""}>${text}</option>`)}
    </select></label
  >`;
}

interface Choice {
  readonly value: string;
  readonly text: string;
  /** Empty: it is not known. */
  readonly count: string;
}

/** The kinds that are there, the most frequent first. */
function kindOptions({ counts, isWhole }: KindCounts): Choice[] {
  return [...counts]
    .toSorted(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .map(([kind, count]) => ({
      value: kind,
      text: kind.replaceAll("_", " "),
      count: `${grouped(count)}${isWhole ? "" : "+"}`,
    }));
}

interface Several {
  readonly name: string;
  readonly label: string;
  /** Those that are chosen, with commas between them. */
  readonly value: string;
  /** What the counts count. */
  readonly unit: string;
  readonly options: readonly Choice[];
}

/** Boxes to tick behind a line that says which are ticked. */
function several({ name, label, value, unit, options }: Several): Html {
  const chosen = value
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  const others = chosen.filter((one) => !options.some((option) => option.value === one));
  const all = [...options, ...others.map((one) => ({ value: one, text: one, count: "" }))];
  const words = all.filter((option) => chosen.includes(option.value)).map(({ text }) => text);
  const summary = words.length === 0 ? "any" : words.join(", ");
  return html`<div class="several">
    <span class="label" id="${name}-label">${label}</span>
    <details class="menu">
      <summary aria-labelledby="${name}-label ${name}-chosen" title="${summary}">
        <span id="${name}-chosen">${summary}</span>
      </summary>
      <fieldset>
        <legend><span class="sr">${label}: </span>${all.length === 0 ? "none yet" : unit}</legend>
        ${all.map(
          (option) =>
            html`<label class="tick"
              ><input
                type="checkbox"
                name="${name}"
                value="${option.value}"
                ${chosen.includes(option.value) ? "checked" : ""}
              />${option.text}${option.count === "" ? "" : html`<span class="of">${option.count}</span>`}</label
            >`,
        )}
      </fieldset>
    </details>
  </div>`;
}
