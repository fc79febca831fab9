// Colours, and the numbers that stand for them in label pictures.

export const keyOf = (r, g, b) => (r << 16) | (g << 8) | b;
export const cssOf = (color) => `rgb(${color.join(" ")})`;

/** The index of the nearest of some colours. */
export function nearestColor(colors, r, g, b) {
  let best = 0, least = Infinity;
  colors.forEach(([x, y, z], index) => {
    const distance = (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}

/** Give each pixel (RGBA, changed in place) the colour of its class: by its value in a grey picture, else the nearest. */
export function snapToClasses(pixels, brushes) {
  const colors = brushes.map((brush) => brush.color), byValue = new Map(brushes.map((brush) => [brush.value, brush.color]));
  let isGrey = true;
  for (let i = 0; isGrey && i < pixels.length; i += 4)
    isGrey = pixels[i] === pixels[i + 1] && pixels[i] === pixels[i + 2] && byValue.has(pixels[i]);
  const known = new Map();
  for (let i = 0; i < pixels.length; i += 4) {
    const key = keyOf(pixels[i], pixels[i + 1], pixels[i + 2]);
    if (!known.has(key))
      known.set(key, isGrey ? byValue.get(pixels[i]) : colors[nearestColor(colors, pixels[i], pixels[i + 1], pixels[i + 2])]);
    pixels.set(known.get(key), i);
  }
}

/** What a model takes of drawn pixels (RGBA): class values, one a pixel, or red, green and blue. */
export function sourceValues(pixels, model) {
  const count = pixels.length / 4;
  if (model.source.kind !== "labels") {
    const rgb = new Uint8Array(3 * count);
    for (let i = 0; i < count; i++) rgb.set(pixels.subarray(4 * i, 4 * i + 3), 3 * i);
    return { values: rgb, channels: 3 };
  }
  const byColor = new Map(model.brushes.map((brush) => [keyOf(...brush.color), brush.value]));
  const isDeep = Math.max(...byColor.values()) > 255;
  const values = isDeep ? new Uint16Array(count) : new Uint8Array(count);
  for (let i = 0; i < count; i++) values[i] = byColor.get(keyOf(pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2])) ?? 0;
  return { values, channels: 1 };
}
