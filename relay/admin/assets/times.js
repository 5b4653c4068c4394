/** Times: "3 min ago", or to the second in lists, in the one zone that is chosen at the foot of the page. */

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const two = (number) => String(number).padStart(2, "0");
const DAY_MS = 86_400_000;

/** "utc" or "local"; remembered for this browser. */
let chosen = localStorage.getItem("zone") === "local" ? "local" : "utc";

/** The parts of a time in the chosen zone. */
function partsOf(then) {
  const date = new Date(then);
  const [day, clock] =
    chosen === "utc"
      ? date.toISOString().slice(0, 19).split("T")
      : [
          `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
          `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
        ];
  return { day, clock };
}

function zoneName() {
  if (chosen === "utc") return "UTC";
  const minutes = -new Date().getTimezoneOffset();
  const offset = `${minutes < 0 ? "−" : "+"}${Math.floor(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (UTC${offset})`;
}

/** "14:02:33", or "2026-01-31 14:02:33" if it is another day. */
function exact(then, now) {
  const { day, clock } = partsOf(then);
  return day === partsOf(now).day ? clock : `${day.slice(5)} ${clock}`;
}

function relative(then, now) {
  const seconds = Math.round((now - then) / 1000);
  if (seconds < -90) return `in ${Math.round(-seconds / 60)} min`;
  if (seconds < -1) return `in ${-seconds} s`;
  if (seconds < 2) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  const { day, clock } = partsOf(then);
  const short = clock.slice(0, 5);
  return day === partsOf(now).day ? short : `${day.slice(then > now - 180 * DAY_MS ? 5 : 0)} ${short}`;
}

export function showTimes() {
  const now = Date.now();
  for (const element of all("time[datetime]")) {
    const then = Date.parse(element.dateTime);
    const { as } = element.dataset;
    const text =
      as === "exact"
        ? exact(then, now)
        : as === "minute"
          ? partsOf(then).clock.slice(0, 5)
          : relative(then, now);
    if (element.textContent !== text) element.textContent = text;
    const { day, clock } = partsOf(then);
    const title = `${day} ${clock} ${zoneName()}${as === undefined ? "" : `, ${relative(then, now)}`}`;
    if (element.title !== title) element.title = title;
  }
}

/** What a field for a time shows, and the time that it means; the server writes UTC. */
const inputs = () => all("input[type=datetime-local]");

function showInput(input, ms) {
  const { day, clock } = partsOf(ms);
  input.value = Number.isNaN(ms) ? "" : `${day}T${clock}`;
}

/** Milliseconds of a field; NaN if it is empty. */
export function timeOfInput(input) {
  return Date.parse(`${input.value}${chosen === "utc" && input.value !== "" ? "Z" : ""}`);
}

function choose(zone) {
  const times = inputs().map((input) => [input, timeOfInput(input)]);
  chosen = zone;
  localStorage.setItem("zone", zone);
  for (const [input, ms] of times) if (!Number.isNaN(ms)) showInput(input, ms);
  showZone();
}

function showZone() {
  for (const one of all(".zone")) one.textContent = zoneName();
  const button = document.querySelector("button.switch-zone");
  if (button !== null) {
    button.hidden = false;
    button.textContent = chosen === "utc" ? "Show local time" : "Show UTC";
  }
  showTimes();
}

export function startTimes() {
  for (const input of inputs()) {
    const ms = Date.parse(`${input.getAttribute("value")}Z`);
    if (!Number.isNaN(ms)) showInput(input, ms);
  }
  document
    .querySelector("button.switch-zone")
    ?.addEventListener("click", () => choose(chosen === "utc" ? "local" : "utc"));
  showZone();
  setInterval(showTimes, 1000);
}
