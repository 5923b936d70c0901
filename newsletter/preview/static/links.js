// What the links answered, asked on demand; it stays until the page is left.

import { press } from "./actions.js";

let asking = false;
let asked = null;
let problem = "";

export function startLinks() {
  document.addEventListener("click", (event) => event.target.id === "ask" && ask());
  document.addEventListener("renewed", show);
}

async function ask() {
  if (asking) return;
  asking = true;
  show();
  const done = await press("links", {});
  asked = done.asked ?? asked;
  problem = done.problem ?? "";
  asking = false;
  show();
}

function show() {
  const button = document.getElementById("ask");
  if (!button) return;
  button.disabled = asking;
  button.textContent = asking ? "Asking…" : problem || "Check links";
  if (!asked) return;
  for (const place of document.querySelectorAll("[data-asked]")) {
    const [good, said] = asked[place.dataset.asked] ?? [null, "not asked"];
    place.textContent = said;
    place.toggleAttribute("data-good", good === true);
    place.toggleAttribute("data-bad", good === false);
  }
}
