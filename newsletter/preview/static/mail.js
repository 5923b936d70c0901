// The mail in its frame: renewed without a blank moment, its place kept.

// Where the frame stands; "" when something led it away.
export function addressOf(frame) {
  try {
    const { pathname, search } = frame.contentWindow.location;
    return pathname + search;
  } catch {
    return "";
  }
}

export async function renewMail(frame, after, html) {
  const address = after.getAttribute("src");
  if (addressOf(frame) !== address) await lookAnew(frame, address);
  else if (frame.dataset.version !== after.dataset.version) await putInPlace(frame, html);
  frame.dataset.version = after.dataset.version;
  frame.setAttribute("width", after.getAttribute("width"));
}

// Another look is another page with a policy of its own; the letter stays at its line.
async function lookAnew(frame, address) {
  const { scrollX, scrollY } = addressOf(frame) ? frame.contentWindow : { scrollX: 0, scrollY: 0 };
  const loaded = new Promise((done) => frame.addEventListener("load", done, { once: true }));
  // The attribute alone would add a step to the author's way back.
  frame.contentWindow.location.replace(address);
  await loaded;
  frame.contentWindow.scrollTo(scrollX, scrollY);
  keepPlace(frame.contentWindow, frame.contentDocument, scrollY);
}

async function putInPlace(frame, html) {
  if (frame.contentDocument.readyState === "loading") {
    await new Promise((loaded) => frame.addEventListener("load", loaded, { once: true }));
  }
  // Parsed and put in place inside the frame, under the mail's own policy.
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
