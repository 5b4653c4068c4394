/**
 * The script of the operator's pages. Pages are whole without it; it adds: regions marked `data-live` refresh when the stream of
 * events says that something happened, times read "3 min ago", the keyboard moves between rows, texts can be copied.
 */
(() => {
  "use strict";

  const REFRESH_MS = 1000;
  const IDLE_REFRESH_MS = 10_000;
  const TYPES = ["stored", "routed", "settled", "replayed", "removed", "gap"];
  /** Path below which the relay is served; this script is in the folder assets/ below it. */
  const base = new URL("..", document.currentScript.src).pathname;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Times

  const two = (number) => String(number).padStart(2, "0");

  function relative(then, now) {
    const seconds = Math.round((now - then) / 1000);
    if (seconds < -90) return `in ${Math.round(-seconds / 60)} min`;
    if (seconds < -1) return `in ${-seconds} s`;
    if (seconds < 2) return "now";
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    const date = new Date(then);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
    if (new Date(now).toDateString() === date.toDateString()) return clock;
    return `${date.toLocaleDateString(undefined, { day: "numeric", month: "short" })} ${clock}`;
  }

  function showTimes() {
    const now = Date.now();
    for (const element of all("time[datetime]")) {
      const text = relative(Date.parse(element.dateTime), now);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  // Refreshing

  const FOCUSABLE = "a, button, summary, input, select, pre[tabindex]";

  /** Puts the new content in place; what had the focus keeps it. */
  function replace(region, next) {
    const focused = region.contains(document.activeElement) ? document.activeElement : null;
    const row = focused?.closest("[data-id]")?.dataset.id;
    const index = focused === null ? -1 : all(FOCUSABLE, region).indexOf(focused);
    const known = new Set(all("[data-id]", region).map((one) => one.dataset.id));
    region.replaceWith(next);
    for (const one of all("[data-id]", next)) one.classList.toggle("fresh", !known.has(one.dataset.id));
    if (focused === null) return;
    const sameRow = row === undefined ? null : next.querySelector(`[data-id="${row}"] a`);
    (sameRow ?? all(FOCUSABLE, next)[index] ?? next.querySelector(FOCUSABLE))?.focus({ preventScroll: true });
  }

  async function refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected && new URL(response.url).pathname === `${base}login`) {
      location.reload();
      return;
    }
    const text = await response.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const region of all("[data-live]")) {
      const next = page.getElementById(region.id);
      // An open confirmation must not vanish under the finger.
      if (next === null || region.querySelector("details.confirm[open]") !== null) continue;
      if (next.outerHTML !== region.dataset.shown) {
        const shown = next.outerHTML;
        const adopted = document.adoptNode(next);
        replace(region, adopted);
        adopted.dataset.shown = shown;
      }
    }
    showTimes();
  }

  // Live updates

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
      say("on", "live");
    });
    for (const type of TYPES)
      source.addEventListener(type, (event) => {
        lastId = event.lastEventId;
        isDirty = true;
        void work();
      });
    source.addEventListener("error", () => {
      say("lost", "reconnecting");
      if (source.readyState !== EventSource.CLOSED) return;
      const mine = source;
      setTimeout(() => {
        if (source === mine && isWanted) {
          isDirty = true;
          connect();
        }
      }, 5000);
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

  if (stream !== undefined && toggle !== null) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      setLive(!isWanted);
      isDirty = isWanted;
    });
    setLive(isWanted);
    let idle = 0;
    setInterval(() => {
      showTimes();
      idle += 1000;
      if (isWanted && idle >= IDLE_REFRESH_MS && document.querySelector("#tiles") !== null) {
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
  } else setInterval(showTimes, 1000);

  // Keyboard

  const places = { o: "", e: "events", d: "dead", t: "targets", a: "activity" };
  let isGoing = false;

  function move(step) {
    const links = all("tr[data-id] .what a, .reasons a");
    if (links.length === 0) return;
    const here = links.indexOf(document.activeElement?.closest("tr, li")?.querySelector("a"));
    const next = links[Math.min(links.length - 1, Math.max(0, here + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") document.activeElement?.blur();
    if (event.target.closest("input, select, textarea, dialog") !== null) return;
    if (isGoing) {
      isGoing = false;
      const place = places[event.key] === undefined ? undefined : base + places[event.key];
      if (place !== undefined) location.assign(place);
      return;
    }
    const search = document.querySelector("input[type=search]");
    switch (event.key) {
      case "/":
        event.preventDefault();
        if (search === null) location.assign(`${base}events`);
        else search.select();
        break;
      case "j":
        move(1);
        break;
      case "k":
        move(-1);
        break;
      case "u":
        document.querySelector("a[rel=up], a[rel=first]")?.click();
        break;
      case "l":
        toggle?.click();
        break;
      case "g":
        isGoing = true;
        setTimeout(() => (isGoing = false), 1500);
        break;
      case "?":
        document.querySelector("dialog.keys")?.showModal();
        break;
      default:
    }
  });

  // Copying

  if (navigator.clipboard !== undefined)
    for (const button of all("button.copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const label = button.textContent;
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = label), 1500);
      });
    }

  // What an action did is told once, not again when the page is loaded anew.
  if (new URLSearchParams(location.search).has("notice")) {
    const url = new URL(location.href);
    for (const name of ["notice", "n", "target"].filter(
      (one) => one !== "target" || url.pathname !== `${base}events`,
    ))
      url.searchParams.delete(name);
    history.replaceState(null, "", url);
  }

  showTimes();
})();
