// What goes out of the page: to the clipboard, to the author's editor. Each press carries the token.

let silence = 0;

export function startActions() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy) copy(button.dataset.copy);
    if (button?.dataset.open) open(button.dataset);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "trial") return;
    event.preventDefault();
    sendTrial(event.target);
  });
  document.addEventListener("renewed", measure);
  measure();
}

// Tell the author something, for a while.
function say(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (place.textContent = ""), 6000);
}

// Ask the server to do something; resolves to { said } or to { problem }.
export async function press(name, wanted) {
  const token = document.querySelector("meta[name=token]").content;
  try {
    const answer = await fetch(`${document.body.dataset.home}/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Preview-Token": token },
      body: JSON.stringify(wanted),
    });
    if (answer.ok || answer.status === 409) return await answer.json();
    return { problem: "That did not work; reload the page." };
  } catch {
    return { problem: "The preview has stopped." };
  }
}

export function openIssue() {
  const file = document.body.dataset.file;
  if (file) open({ open: file, line: "1", column: "0" });
}

async function open({ open: file, line, column }) {
  const done = await press("editor", { file, line: Number(line), column: Number(column) });
  say(done.said ?? done.problem);
}

// One press, one mail: the button waits for the answer, and the server knows the press.
async function sendTrial(form) {
  const button = form.querySelector("button");
  const told = document.getElementById("trial-said");
  if (button.disabled) return;
  button.disabled = true;
  told.textContent = "";
  const done = await press("test", { to: form.elements.to.value, press: crypto.randomUUID() });
  told.textContent = done.said ?? done.problem;
  told.toggleAttribute("data-failed", !done.said);
  // A double click is one press.
  setTimeout(() => (button.disabled = false), 1000);
}

async function copy(address) {
  try {
    const answer = await fetch(address, { cache: "no-store" });
    await navigator.clipboard.writeText(await answer.text());
    say("Copied.");
  } catch {
    say("The browser does not let this page copy.");
  }
}

// How large a picture is, only the browser knows.
function measure() {
  for (const picture of document.querySelectorAll(".pictures img")) {
    const tell = () => {
      const size = picture.closest("li").querySelector("[data-size-of]");
      if (size) size.textContent = `, ${picture.naturalWidth} × ${picture.naturalHeight} px`;
    };
    if (picture.complete) tell();
    else picture.addEventListener("load", tell, { once: true });
  }
}
