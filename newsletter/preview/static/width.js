// The width of the mail: a number, or the handle beside it.

import { choose } from "./choices.js";

const STEP = 10;

export function startWidth() {
  document.addEventListener("change", (event) => {
    if (event.target.id === "width") set(event.target.value ? Number(event.target.value) : "full");
  });
  const handle = document.getElementById("handle");
  if (!handle) return;
  handle.addEventListener("pointerdown", drag);
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    set(now() + step);
  });
}

function now() {
  return Math.round(document.getElementById("mail").getBoundingClientRect().width);
}

function within(pixels) {
  const { min, max } = document.getElementById("width");
  return Math.round(Math.min(Math.max(pixels, Number(min)), Number(max)));
}

function set(pixels) {
  const width = pixels === "full" ? pixels : within(pixels);
  document.getElementById("handle").setAttribute("aria-valuenow", width);
  return choose("width", width);
}

function drag(event) {
  const handle = event.currentTarget;
  const frame = document.getElementById("mail");
  const [from, width] = [event.clientX, now()];
  // The mail stands in the middle: its edge follows the hand when it grows on both sides.
  const at = (moved) => within(width + 2 * (moved.clientX - from));
  const move = (moved) => {
    frame.setAttribute("width", at(moved));
    document.getElementById("width").value = at(moved);
  };
  const end = (ended) => {
    handle.removeEventListener("pointermove", move);
    document.body.removeAttribute("data-dragging");
    set(at(ended));
  };
  handle.setPointerCapture(event.pointerId);
  document.body.setAttribute("data-dragging", "");
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", end, { once: true });
}
