// What a reader could not read: runs in the page, returns one sentence per fault.
() => {
  const faults = [];
  const shown = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 40));

  const colour = (css) => {
    const [r, g, b, a = 1] = css.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, bottom) => {
    const mix = (x, y) => x * top.a + y * (1 - top.a);
    return { r: mix(top.r, bottom.r), g: mix(top.g, bottom.g), b: mix(top.b, bottom.b), a: 1 };
  };
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const layer = colour(getComputedStyle(e).backgroundColor);
      layers.push(layer);
      if (layer.a === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  // WCAG 2.2, relative luminance and contrast ratio.
  const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };

  const look = (element, text) => {
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const below = background(element);
    const ratio = contrast(over(colour(style.color), below), below);
    if (size < 12) faults.push(`${shown(text)} is only ${size} px`);
    if (ratio < (large ? 3 : 4.5)) {
      faults.push(`${shown(text)} has a contrast of ${ratio.toFixed(2)}: ${style.color} on ${JSON.stringify(below)}`);
    }
    for (let e = element; e; e = e.parentElement) {
      if (getComputedStyle(e).opacity !== "1") faults.push(`${shown(text)} is see-through`);
    }
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const visible = element.checkVisibility({ visibilityProperty: true });
    if (!visible || !/[^\s\u00a0\u034f\u200c]/.test(node.data)) continue;
    texts += 1;
    const range = document.createRange();
    range.selectNodeContents(node);
    const area = [...range.getClientRects()].reduce((sum, box) => sum + box.width * box.height, 0);
    if (area === 0) faults.push(`${shown(node.data)} takes no room`);
    look(element, node.data);
  }
  if (texts < 10) faults.push(`there are only ${texts} pieces of text`);

  for (const image of document.images) {
    const box = image.getBoundingClientRect();
    if (box.width * box.height === 0) faults.push(`the picture ${shown(image.alt)} takes no room`);
    if (!image.complete || image.naturalWidth > 0) continue;
    // Words that the caption says are left to it: seen twice, one above the other, they look broken.
    const caption = image.closest("p")?.nextElementSibling;
    const words = (text) => text.trim().replace(/\s+/g, " ");
    const twin = caption?.matches(".caption") && words(caption.innerText) === words(image.alt);
    const hidden = parseFloat(getComputedStyle(image).fontSize) === 0;
    if (twin && !hidden) faults.push(`${shown(image.alt)} is seen twice`);
    if (!twin) look(image, image.alt);
  }

  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`the page is ${wide} px wide in a window of ${innerWidth}`);
  return faults;
};
