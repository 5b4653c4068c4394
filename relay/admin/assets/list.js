/**
 * The list of events: new rows wait for a click while the pointer or the reader is in the list, a search goes on by itself, filters
 * leave no empty fields in the address, and on wide screens a click shows the event beside the list.
 */
import { showTimes, timeOfInput } from "./times.js";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const WIDE = matchMedia("(min-width: 1440px)");
/** Rows that a search looks for before it waits for a click again. */
const ENOUGH = 50;

// New rows

/** The list that waits to be shown; null: what is shown is the newest. */
let waiting = null;

const note = () => document.querySelector(".fresh-note");

/** Whether rows that move would move under a pointer or away from a reader. */
function isInUse(region) {
  const top = region.getBoundingClientRect().top;
  return region.matches(":hover") || top < 0;
}

/**
 * Takes a new list in without moving a row: rows that are there change in place, and a note counts the others.
 * @param show puts the whole list in place
 * @returns whether the list was taken in here
 */
export function holdBack(region, next, show) {
  const rows = all("tbody tr[data-id]", region);
  if (rows.length === 0 || !isInUse(region)) {
    note()?.remove();
    waiting = null;
    return false;
  }
  const nextRows = new Map(all("tbody tr[data-id]", next).map((row) => [row.dataset.id, row]));
  const known = new Set(rows.map((row) => row.dataset.id));
  const fresh = [...nextRows.keys()].filter((id) => !known.has(id)).length;
  for (const row of rows) {
    const changed = nextRows.get(row.dataset.id);
    if (changed === undefined || row.contains(document.activeElement)) continue;
    if (row.dataset.shown !== changed.outerHTML) {
      const copy = document.importNode(changed, true);
      copy.dataset.shown = changed.outerHTML;
      copy.classList.toggle("shown", row.classList.contains("shown"));
      row.replaceWith(copy);
    }
  }
  waiting = () => {
    note()?.remove();
    waiting = null;
    show();
    scrollTo({ top: 0 });
  };
  if (fresh > 0) announce(region, `${fresh} new`);
  return true;
}

function announce(region, text) {
  let button = note();
  if (button === null) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "fresh-note";
    button.addEventListener("click", () => waiting?.());
    region.before(button);
    // In front of the grid, not a column of it.
    region.closest(".split")?.before(button);
  }
  button.textContent = text;
}

// A search that stopped early

async function searchOn() {
  const list = document.getElementById("list");
  let link = list?.querySelector("a[data-search-on]");
  while (link !== null && link !== undefined && all("tbody tr", list).length < ENOUGH) {
    const response = await fetch(link.href, { headers: { Accept: "text/html" } });
    if (!response.ok || !link.isConnected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const rows = all("#list tbody tr", page).map((row) => document.importNode(row, true));
    const body = list.querySelector("tbody");
    if (rows.length > 0 && body !== null) body.append(...rows);
    else if (rows.length > 0) list.querySelector(".empty")?.replaceWith(page.querySelector("#list table"));
    const status = page.querySelector("#list .partial");
    const end = page.querySelector("#list .empty");
    if (status === null && rows.length === 0 && end !== null) list.querySelector(".empty")?.replaceWith(end);
    list.querySelector(".partial")?.remove();
    list.querySelector("nav.pages")?.replaceWith(page.querySelector("#list nav.pages"));
    if (status !== null) list.querySelector("nav.pages").before(status);
    link = list.querySelector("a[data-search-on]");
    showTimes();
  }
}

// Filters

function startFilters() {
  const form = document.querySelector("form.filters");
  if (form === null) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      const input = form.elements.namedItem(name);
      if (value === "") continue;
      const isTime = input instanceof HTMLInputElement && input.type === "datetime-local";
      const text = isTime ? new Date(timeOfInput(input)).toISOString().replace(".000Z", "Z") : value;
      query.set(name, query.has(name) ? `${query.get(name)},${text}` : text);
    }
    const text = query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    location.assign(`${form.getAttribute("action")}${text === "" ? "" : `?${text}`}`);
  });
  const times = all("input[type=datetime-local]", form);
  const range = form.elements.namedItem("range");
  range?.addEventListener("change", () => {
    if (range.value !== "") for (const input of times) input.value = "";
  });
  for (const input of times)
    input.addEventListener("change", () => {
      if (input.value !== "" && range !== null) range.value = "";
    });
  // One menu at a time; a click elsewhere or Escape closes it.
  const menus = all("details.menu", form);
  for (const menu of menus)
    menu.addEventListener("change", () => {
      const words = all("input:checked", menu).map((box) => box.parentElement.textContent.trim());
      menu.querySelector("summary span").textContent = words.length === 0 ? "any" : words.join(", ");
    });
  addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus)
      if (menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
  });
}

// The preview

const preview = document.querySelector("aside#preview");

async function showEvent(row) {
  const link = row.querySelector(".what a");
  for (const other of all("tr.shown")) other.classList.remove("shown");
  row.classList.add("shown");
  const response = await fetch(link.href, { headers: { Accept: "text/html" } });
  if (!response.ok || !row.classList.contains("shown")) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const parts = all("main > .title, main > .columns", page).map((part) => document.importNode(part, true));
  for (const part of parts)
    for (const one of all("[id]", part)) {
      // A question keeps its buttons; everything else is on the page already.
      if (one.matches(".ask")) one.id = `preview-${one.id}`;
      else one.removeAttribute("id");
      delete one.dataset.live;
    }
  for (const one of parts.flatMap((part) => all("[popovertarget]", part)))
    one.setAttribute("popovertarget", `preview-${one.getAttribute("popovertarget")}`);
  for (const form of parts.flatMap((part) => all("form", part))) {
    const back = document.createElement("input");
    Object.assign(back, { type: "hidden", name: "back", value: location.pathname + location.search });
    form.append(back);
  }
  const open = document.createElement("p");
  const whole = Object.assign(document.createElement("a"), {
    href: link.href,
    textContent: "Open the event",
  });
  const close = Object.assign(document.createElement("button"), { type: "button", textContent: "Close" });
  close.className = "quiet";
  close.addEventListener("click", closePreview);
  open.className = "title";
  open.append(whole, close);
  preview.replaceChildren(open, ...parts);
  for (const crumb of all(".crumb", preview)) crumb.remove();
  preview.hidden = false;
  preview.scrollTop = 0;
  showTimes();
}

function closePreview() {
  preview.hidden = true;
  for (const other of all("tr.shown")) other.classList.remove("shown");
}

function startPreview() {
  if (preview === null) return;
  addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !WIDE.matches) return;
    const row = event.target.closest("#list tr[data-id]");
    if (row === null || getSelection()?.toString() !== "") return;
    event.preventDefault();
    void showEvent(row);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !preview.hidden) closePreview();
  });
}

export function startList() {
  startFilters();
  startPreview();
  void searchOn();
}
