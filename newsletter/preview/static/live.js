// Keeps the page up to date: a newer one is fetched, and its live parts are put in place.

import { addressOf, renewMail } from "./mail.js";

let running = null;
let again = false;
let source = null;
const places = new Map();

// Hear of changes on disk for as long as somebody looks at the page.
export function listen() {
  const open = () => {
    source?.close();
    source = new EventSource(`${location.pathname.replace(/\/$/, "")}/events`);
    source.addEventListener("open", () => document.body.removeAttribute("data-lost"));
    source.addEventListener("error", () => document.body.setAttribute("data-lost", ""));
    source.addEventListener("version", (event) => {
      if (event.data !== document.body.dataset.version) refresh();
    });
  };
  // A browser opens few connections to one host, so pages nobody sees give theirs back.
  document.addEventListener("visibilitychange", () => (document.hidden ? source.close() : open()));
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
  showTab();
}

// On a narrow window the parts need more room than there is.
function showTab() {
  const current = document.querySelector("#tabs [aria-current]");
  current?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Fetch the page of this address anew; resolves when it stands.
export function refresh() {
  again = true;
  running ??= (async () => {
    try {
      while (again) {
        again = false;
        await renew();
      }
    } catch {
      // The server went away; the stream will say so, and call again when it is back.
    } finally {
      running = null;
    }
  })();
  return running;
}

async function renew() {
  const frame = document.getElementById("mail");
  // Both at once: what is asked for in vain costs less than the author's waiting.
  const mail = frame && addressOf(frame);
  const asked = [location.href, ...(mail ? [mail] : [])];
  const answers = await Promise.all(asked.map((address) => fetch(address, { cache: "no-store" })));
  if (!answers.every((answer) => answer.ok)) return;
  const [html, letter] = await Promise.all(answers.map((answer) => answer.text()));
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const after = fresh.getElementById("mail");
  if (!frame !== !after) return location.reload();
  if (frame && addressOf(frame) === after.getAttribute("src") && mail) {
    // A save came between the two answers: what does not belong together is asked for again.
    if (answers[1].headers.get("X-Mail-Version") !== after.dataset.version) return (again = true);
  }
  if (frame) await renewMail(frame, after, letter);
  replacePanel(fresh);
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now && !now.isEqualNode(old)) replace(old, now);
  }
  const token = fresh.querySelector("meta[name=token]");
  if (token) document.querySelector("meta[name=token]").content = token.content;
  document.title = fresh.title;
  document.body.dataset.version = fresh.body.dataset.version;
  showTab();
  document.dispatchEvent(new Event("renewed"));
}

// Another part is another panel; the same one keeps what was typed into it.
function replacePanel(fresh) {
  const [old, now] = [document.getElementById("panel"), fresh.getElementById("panel")];
  if (!old || !now) return;
  if (old.dataset.tab !== now.dataset.tab || !old.firstElementChild !== !now.firstElementChild) {
    places.set(old.dataset.tab, old.scrollTop);
    old.replaceChildren(...document.adoptNode(now).childNodes);
    old.dataset.tab = now.dataset.tab;
    old.setAttribute("aria-label", now.getAttribute("aria-label"));
    old.scrollTop = places.get(now.dataset.tab) ?? 0;
  }
  const stage = document.getElementById("stage");
  stage.dataset.tab = fresh.getElementById("stage").dataset.tab;
  // Whoever typed into the mail would type into nothing once it is hidden.
  if (document.activeElement?.id === "mail" && now.dataset.tab !== "mail") {
    old.focus({ preventScroll: true });
  }
}

// Whoever is at a link with the keyboard stays there.
function replace(old, now) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(document.adoptNode(now));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
