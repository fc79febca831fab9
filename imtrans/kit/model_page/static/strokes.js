// Drawing into the pixels of an ImageData. With hard edges every pixel is one colour or another, as in label pictures.

function blend(pixels, at, color, cover) {
  for (let k = 0; k < 3; k++) pixels[at + k] += (color[k] - pixels[at + k]) * cover;
}

/** A line with round ends from one point to another, of a width in pixels. */
export function drawLine(image, from, to, { width, color, isHard }) {
  const radius = width / 2, { data, width: columns, height: rows } = image;
  const [dx, dy] = [to.x - from.x, to.y - from.y], length = dx * dx + dy * dy;
  const [left, right] = [Math.min(from.x, to.x) - radius - 1, Math.max(from.x, to.x) + radius + 1];
  const [top, bottom] = [Math.min(from.y, to.y) - radius - 1, Math.max(from.y, to.y) + radius + 1];
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(rows, bottom); y++)
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(columns, right); x++) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const cover = radius + 0.5 - Math.hypot(px - along * dx, py - along * dy);
      if (cover > (isHard ? 0.5 : 0)) blend(data, 4 * (y * columns + x), color, isHard ? 1 : Math.min(1, cover));
    }
}

/** A filled box between two corners. */
export function drawBox(image, from, to, { color }) {
  const [left, right] = [from.x, to.x].sort((a, b) => a - b).map(Math.round);
  const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map(Math.round);
  for (let y = Math.max(0, top); y < Math.min(image.height, bottom); y++)
    for (let x = Math.max(0, left); x < Math.min(image.width, right); x++) blend(image.data, 4 * (y * image.width + x), color, 1);
}

const NEAR = 24; // how far a pixel may be from the first one: JPEG and soft edges blur areas of one colour

/** The area around a point, as far as it has about the same colour. */
export function fillArea(image, at, { color }) {
  const { data, width, height } = image, [x, y] = [Math.floor(at.x), Math.floor(at.y)];
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  const first = [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
  const seen = new Uint8Array(width * height), open = [y * width + x];
  while (open.length) {
    const place = open.pop();
    if (seen[place]) continue;
    seen[place] = 1;
    if (first.some((value, k) => Math.abs(data[4 * place + k] - value) > NEAR)) continue;
    blend(data, 4 * place, color, 1);
    if (place % width) open.push(place - 1);
    if (place % width < width - 1) open.push(place + 1);
    if (place >= width) open.push(place - width);
    if (place < width * (height - 1)) open.push(place + width);
  }
}
