// One letter for what is done often; none of them while something is typed.

import { openIssue } from "./actions.js";
import { choose } from "./choices.js";

const GROUPS = { w: "width", c: "colours", i: "images" };

export function startKeys() {
  const help = document.getElementById("help");
  document.getElementById("keys").addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", press);
  const frame = document.getElementById("mail");
  const hear = () => frame.contentWindow.addEventListener("keydown", press);
  frame?.addEventListener("load", hear);
  if (frame?.contentDocument?.readyState === "complete") hear();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.getElementById("help").open) return;
  if (event.target.closest?.("input, select, textarea")) return;
  const done = act(event.key);
  if (done) event.preventDefault();
}

function act(key) {
  if (/^[1-9]$/.test(key)) {
    const tabs = [...document.querySelectorAll("#tabs a:not(#tab-overview)")];
    tabs[Number(key) - 1]?.click();
  } else if (key in GROUPS) next(GROUPS[key]);
  else if (key === "r") nextReader();
  else if (key === "e") openIssue();
  else if (key === "u") document.getElementById("back").click();
  else if (key === "?") document.getElementById("help").showModal();
  else return false;
  return true;
}

function next(group) {
  const links = [...document.querySelectorAll(`a[data-choose="${group}"]`)];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[(at + 1) % links.length].click();
}

function nextReader() {
  const select = document.getElementById("reader");
  if (!select) return; // a letter is the same for everybody
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  choose("reader", select.value);
}
