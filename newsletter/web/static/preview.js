// Keeps the open page up to date with the disk, and what the author chose in the address.
// The server renders everything; a newer page is fetched and its live parts are put in place.

const stage = document.getElementById("stage");
let running = null;
let again = false;
let source = null;

// --- what the author chose ---------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-choose]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  stage.dataset[link.dataset.choose] = link.dataset.value;
  history.replaceState(null, "", addressOf({}));
  for (const other of document.querySelectorAll("a[data-choose]")) {
    const { choose, value } = other.dataset;
    other.href = addressOf({ [choose]: value });
    if (stage.dataset[choose] === value) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
});

function addressOf(changed) {
  const { tab, width } = { ...stage.dataset, ...changed };
  return `?${new URLSearchParams({ tab, width })}`;
}

// --- what changed on disk ----------------------------------------------------------------------

function listen() {
  source = new EventSource(`${location.pathname.replace(/\/$/, "")}/events`);
  source.addEventListener("open", () => document.body.removeAttribute("data-lost"));
  source.addEventListener("error", () => document.body.setAttribute("data-lost", ""));
  source.addEventListener("version", (event) => {
    if (event.data !== document.body.dataset.version) refresh();
  });
}

// A browser opens few connections to one host, so pages nobody sees give theirs back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source.close();
  else listen();
});
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && listen());
listen();

function refresh() {
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
}

async function renew() {
  const frame = document.getElementById("mail");
  // Both at once: what is asked for in vain costs less than the author's waiting.
  const asked = [location.href, ...(frame ? [frame.getAttribute("src")] : [])];
  const answers = await Promise.all(asked.map((address) => fetch(address, { cache: "no-store" })));
  if (!answers.every((answer) => answer.ok)) return;
  const [html, mail] = await Promise.all(answers.map((answer) => answer.text()));
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const after = fresh.getElementById("mail");
  if (!frame !== !after) location.reload();
  if (frame && frame.dataset.version !== after?.dataset.version) await renewMail(frame, mail);
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(old.id);
    if (now && !now.isEqualNode(old)) old.replaceWith(document.adoptNode(now));
  }
  if (frame && after) frame.dataset.version = after.dataset.version;
  document.title = fresh.title;
  document.body.dataset.version = fresh.body.dataset.version;
}

async function renewMail(frame, html) {
  if (frame.contentDocument.readyState === "loading") {
    await new Promise((loaded) => frame.addEventListener("load", loaded, { once: true }));
  }
  // Parsed and put in place inside the frame, under the mail's own policy: no blank moment,
  // and the place in the letter stays.
  const view = frame.contentWindow;
  const page = frame.contentDocument;
  const letter = new view.DOMParser().parseFromString(html, "text/html").documentElement;
  const [x, y] = [view.scrollX, view.scrollY];
  page.replaceChild(page.adoptNode(letter), page.documentElement);
  view.scrollTo(x, y);
  keepPlace(view, page, y);
}

// Pictures that come later push the text down; unless the author moved, go back to their line.
function keepPlace(view, page, y) {
  const left = view.scrollY;
  const pictures = [...page.images].filter((picture) => !picture.complete);
  for (const picture of pictures) {
    picture.addEventListener("load", () => view.scrollY === left && view.scrollTo(view.scrollX, y));
  }
}
