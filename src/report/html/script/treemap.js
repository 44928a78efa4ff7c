// Divides a rectangle among items by their sizes, in pieces that are as square as can be
// (Bruls, Huizing, van Wijk: "Squarified Treemaps", 2000). Returns items with x, y, w and h.
function squarify(items, { x, y, w, h }) {
  const sized = items.filter(({ size }) => size > 0).sort((a, b) => b.size - a.size);
  const scale = (w * h) / sized.reduce((sum, { size }) => sum + size, 0);
  const placed = [];
  let start = 0;
  while (start < sized.length && w > 0 && h > 0) {
    const side = Math.min(w, h);
    let [end, area, worst] = [start, 0, Infinity];
    while (end < sized.length) {
      const next = area + sized[end].size * scale;
      const [largest, smallest] = [sized[start].size * scale, sized[end].size * scale];
      const ratio = Math.max(
        (side * side * largest) / (next * next),
        (next * next) / (side * side * smallest),
      );
      if (ratio > worst) break;
      [end, area, worst] = [end + 1, next, ratio];
    }
    const thickness = area / side;
    let offset = 0;
    for (const item of sized.slice(start, end)) {
      const length = (item.size * scale) / thickness;
      placed.push(
        w >= h
          ? { item, x, y: y + offset, w: thickness, h: length }
          : { item, x: x + offset, y, w: length, h: thickness },
      );
      offset += length;
    }
    [x, y, w, h] = w >= h ? [x + thickness, y, w - thickness, h] : [x, y + thickness, w, h - thickness];
    start = end;
  }
  return placed;
}

// Returns the cell that is next to another one in the direction of an arrow key.
function neighbour(cells, from, key) {
  const box = (cell) => cell.getBoundingClientRect();
  const own = box(from);
  const middle = ({ left, right, top, bottom }) => [(left + right) / 2, (top + bottom) / 2];
  const [x, y] = middle(own);
  const ahead = {
    ArrowRight: (to) => to.left >= own.right - 1,
    ArrowLeft: (to) => to.right <= own.left + 1,
    ArrowDown: (to) => to.top >= own.bottom - 1,
    ArrowUp: (to) => to.bottom <= own.top + 1,
  }[key];
  const distance = (cell) => Math.hypot(middle(box(cell))[0] - x, middle(box(cell))[1] - y);
  const found = cells.filter((cell) => cell !== from && ahead(box(cell)));
  return found.sort((a, b) => distance(a) - distance(b))[0];
}
