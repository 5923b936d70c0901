// What the author chose stands in the address; choosing is to go there without leaving the page.

import { refresh } from "./live.js";

export function startChoices() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-choose]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    // Told at once: the next press may come before the answer.
    for (const other of document.querySelectorAll(`a[data-choose="${link.dataset.choose}"]`)) {
      other.removeAttribute("aria-current");
    }
    document.getElementById(link.id).setAttribute("aria-current", "true");
    const shown = choose(link.dataset.choose, new URLSearchParams(link.search).get(link.dataset.choose));
    // What the link names is on the other part, which comes first.
    if (link.hash) shown.then(() => document.getElementById(link.hash.slice(1))?.scrollIntoView());
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "reader") choose("reader", event.target.value);
  });
  addEventListener("popstate", refresh);
}

// Choose one thing and keep the others; null is the usual, which needs no mention.
export function choose(name, value) {
  const query = new URLSearchParams(location.search);
  if (value === null) query.delete(name);
  else query.set(name, value);
  history.replaceState(null, "", `${location.pathname}${query.size ? "?" : ""}${query}`);
  return refresh();
}
