/** The keyboard: between rows, sections and search; `?` lists the keys. */
import { base, toggleLive } from "./live.js";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

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

export function startKeys() {
  addEventListener("keydown", pressed);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // Of an open question the browser takes care: the focus goes back to the button that asked.
  if (document.querySelector(":popover-open") !== null) return;
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
      toggleLive();
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
}
