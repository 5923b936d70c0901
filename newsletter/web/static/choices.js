// What the author chose stands in the address; choosing is to go there without leaving the page.

import { refresh } from "./live.js";

export function startChoices() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-choose]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.search);
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "reader") choose("reader", event.target.value);
  });
  addEventListener("popstate", refresh);
}

export function go(query) {
  history.replaceState(null, "", query || location.pathname);
  return refresh();
}

export function choose(name, value) {
  const query = new URLSearchParams(location.search);
  query.set(name, value);
  return go(`?${query}`);
}
