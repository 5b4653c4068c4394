/**
 * The script of the operator's pages. Pages are whole without it; it adds what the modules beside it say, and texts that can be copied.
 */
import { startKeys } from "./keys.js";
import { startList } from "./list.js";
import { base, startLive } from "./live.js";
import { startTimes } from "./times.js";

const COPIED_MS = 1500;

function startCopying() {
  if (navigator.clipboard === undefined) return;
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const label = button.textContent;
      const { copy, copyText } = button.dataset;
      await navigator.clipboard.writeText(copyText ?? document.getElementById(copy).textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), COPIED_MS);
    });
  }
}

/** What an action did is told once, not again when the page is loaded anew. */
function forgetNotice() {
  if (!new URLSearchParams(location.search).has("notice")) return;
  const url = new URL(location.href);
  for (const name of ["notice", "n", ...(url.pathname === `${base}events` ? [] : ["target"])])
    url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

startTimes();
startLive();
startList();
startKeys();
startCopying();
forgetNotice();

// On a phone the present section may be out of sight.
document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
