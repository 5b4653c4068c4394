/** Live updates: regions marked `data-live` refresh when the stream of events says that something happened; a relay that is gone is told. */
import { holdBack } from "./list.js";
import { showTimes } from "./times.js";

const REFRESH_MS = 1000;
const IDLE_REFRESH_MS = 10_000;
const RETRY_MS = 5000;
const TYPES = ["stored", "routed", "settled", "replayed", "removed", "gap"];
const FOCUSABLE = "a, button, summary, input, select, pre[tabindex]";
/** Path below which the relay is served; this script is two folders below it. */
export const base = new URL("../..", import.meta.url).pathname;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Refreshing

/** Puts the new content in place; what had the focus keeps it. */
function replace(region, next) {
  const focused = region.contains(document.activeElement) ? document.activeElement : null;
  const row = focused?.closest("[data-id]")?.dataset.id;
  const index = focused === null ? -1 : all(FOCUSABLE, region).indexOf(focused);
  const known = new Set(all("[data-id]", region).map((one) => one.dataset.id));
  const chosen = region.querySelector("tr.shown")?.dataset.id;
  const opened = new Set(all("details[data-keep][open]", region).map((one) => one.dataset.keep));
  region.replaceWith(next);
  for (const one of all("details[data-keep]", next)) one.open = opened.has(one.dataset.keep);
  for (const one of all("[data-id]", next)) {
    one.classList.toggle("fresh", !known.has(one.dataset.id));
    if (one.dataset.id === chosen) one.classList.add("shown");
  }
  if (focused === null) return;
  const sameRow = row === undefined ? null : next.querySelector(`[data-id="${row}"] a`);
  (sameRow ?? all(FOCUSABLE, next)[index] ?? next.querySelector(FOCUSABLE))?.focus({ preventScroll: true });
}

function put(region, next) {
  const shown = next.outerHTML;
  const adopted = document.importNode(next, true);
  replace(region, adopted);
  adopted.dataset.shown = shown;
  showTimes();
}

async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname === `${base}login`) {
    location.reload();
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const region of all("[data-live]")) {
    const next = page.getElementById(region.id);
    // An open question must not vanish under the finger.
    if (next === null || region.querySelector(".ask:popover-open") !== null) continue;
    if (next.outerHTML === region.dataset.shown) continue;
    const show = () => put(document.getElementById(region.id), next);
    if (region.querySelector("table.events") === null || !holdBack(region, next, show)) show();
  }
  showTimes();
}

// Contact

/** When the relay was last heard of. */
let heardAt = Date.now();
let isLost = false;

function clockOf(ms) {
  const time = document.createElement("time");
  time.dateTime = new Date(ms).toISOString();
  time.dataset.as = "exact";
  return time;
}

function lose() {
  if (isLost) return;
  isLost = true;
  document.body.classList.add("lost");
  const note = document.createElement("p");
  note.className = "lost-note";
  note.setAttribute("role", "alert");
  note.append(
    "No contact with the relay since ",
    clockOf(heardAt),
    ": what you see is from then. Trying again …",
  );
  document.querySelector("header.bar").after(note);
  const ready = document.getElementById("ready");
  if (ready !== null) ready.textContent = "no contact";
  showTimes();
}

function find() {
  heardAt = Date.now();
  if (!isLost) return;
  isLost = false;
  document.body.classList.remove("lost");
  document.querySelector(".lost-note")?.remove();
  document.getElementById("ready")?.removeAttribute("data-shown");
}

/** A stream ends now and then by itself: only a relay that does not answer either is lost. */
async function ask() {
  try {
    await fetch(`${base}healthz`, { cache: "no-store" });
    find();
    return true;
  } catch {
    lose();
    return false;
  }
}

// A click while the relay is gone would leave for the browser's own error page.
addEventListener(
  "click",
  (event) => {
    const link = event.target.closest("a[href]");
    if (!isLost || link === null || link.origin !== location.origin) return;
    event.preventDefault();
    void ask().then((isBack) => isBack && location.assign(link.href));
  },
  true,
);
addEventListener("submit", (event) => isLost && event.preventDefault(), true);

// The stream

const stream = document.body.dataset.stream;
const toggle = document.querySelector("button.live");
let source = null;
let lastId = document.body.dataset.since ?? "";
let isWanted = sessionStorage.getItem("live") !== "off";
let isDirty = false;
let isBusy = false;
let restAfter = 0;

function say(state, text) {
  toggle.setAttribute("aria-pressed", String(isWanted));
  toggle.className = `live ${state}`;
  toggle.querySelector("span").textContent = text;
}

async function work() {
  if (!isDirty || isBusy || document.hidden || Date.now() < restAfter) return;
  isDirty = false;
  isBusy = true;
  const started = Date.now();
  try {
    await refresh();
    find();
  } catch {
    // The relay is away; the stream says so, and the next change asks again.
    isDirty = true;
  }
  isBusy = false;
  restAfter = Date.now() + Math.max(REFRESH_MS, 4 * (Date.now() - started));
}

function connect() {
  const at =
    lastId === "" ? "" : `${stream.includes("?") ? "&" : "?"}lastEventId=${encodeURIComponent(lastId)}`;
  source = new EventSource(stream + at);
  source.addEventListener("hello", (event) => {
    lastId = event.lastEventId;
    if (isLost) isDirty = true;
    find();
    say("on", "live");
  });
  for (const type of TYPES)
    source.addEventListener(type, (event) => {
      lastId = event.lastEventId;
      isDirty = true;
      find();
      void work();
    });
  source.addEventListener("error", () => {
    if (toggle.classList.contains("on")) heardAt = Date.now();
    say("lost", "reconnecting");
    void ask();
    if (source.readyState !== EventSource.CLOSED) return;
    const mine = source;
    setTimeout(() => {
      if (source === mine && isWanted) {
        isDirty = true;
        connect();
      }
    }, RETRY_MS);
  });
}

function setLive(wanted) {
  isWanted = wanted;
  sessionStorage.setItem("live", wanted ? "on" : "off");
  source?.close();
  source = null;
  if (wanted) {
    say("lost", "connecting");
    connect();
  } else say("off", "paused");
}

export function startLive() {
  if (stream === undefined || toggle === null) return;
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    setLive(!isWanted);
    isDirty = isWanted;
  });
  setLive(isWanted);
  let idle = 0;
  setInterval(() => {
    idle += 1000;
    if (isWanted && idle >= IDLE_REFRESH_MS && document.querySelector("[data-refresh], #tiles") !== null) {
      isDirty = true;
      idle = 0;
    }
    if (isWanted) void work();
  }, 1000);
  document.addEventListener("visibilitychange", () => void work());
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted && isWanted) setLive(true);
  });
}

export const toggleLive = () => toggle?.click();
