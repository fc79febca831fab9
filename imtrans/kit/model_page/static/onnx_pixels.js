// Between the pixels of the page and the tensors of an ONNX graph, whose sides are multiples of its stride.

import { sourceValues } from "./colors.js";

const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

/** The place from which a mirrored picture takes a row or column. */
const mirrored = (place, size) => {
  const turn = Math.max(1, 2 * size - 2), at = place % turn;
  return at < size ? at : turn - at;
};

/** Red, green and blue of 8 bits, or values of classes, as the numbers that the model was trained on. */
function storedValues({ values, channels }, { source, graph }) {
  if (source.kind === "labels" || source.space) return { values, channels };
  let scaled = values, count = channels;
  if (graph.input.channels === 1) {
    count = 1;
    scaled = Float64Array.from({ length: values.length / 3 }, (_, i) =>
      Math.round(0.299 * values[3 * i] + 0.587 * values[3 * i + 1] + 0.114 * values[3 * i + 2]));
  }
  if (source.bits <= 8) return { values: scaled, channels: count };
  const [low, high] = source.bits === 32 ? [source.low, source.high] : [0, 2 ** source.bits - 1];
  return { values: Float64Array.from(scaled, (value) => low + (value / 255) * (high - low)), channels: count };
}

/** The input of the graph: array, height and width, grown by mirroring as in training. */
export function graphInput(pixels, width, height, model) {
  const { stride, input } = model.graph, { values, channels } = storedValues(sourceValues(pixels, model), model);
  const [columns, rows] = [width, height].map((side) => Math.ceil(side / stride) * stride);
  const array = new ARRAYS[input.dtype](rows * columns * channels), isWhole = input.dtype !== "float32";
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const from = channels * (mirrored(y, height) * width + mirrored(x, width)), to = channels * (y * columns + x);
      for (let k = 0; k < channels; k++) array[to + k] = isWhole ? Math.round(values[from + k]) : values[from + k];
    }
  return { type: input.dtype, array, shape: [1, rows, columns, channels] };
}

/** The graph's output, cropped to the size of the picture, as an ImageData. */
export function graphOutput(array, columns, width, height, { target, graph }) {
  const image = new ImageData(width, height), channels = graph.output.channels;
  const known = target.kind === "labels" ? new Map(target.colors.map((color, k) => [target.values?.[k] ?? k, color])) : null;
  const factor = 255 / (target.high - target.low), isSeen = target.space || (target.low === 0 && target.high === 255);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = channels * (y * columns + x), to = 4 * (y * width + x);
      const color = known?.get(array[from]) ?? [0, channels > 1 ? 1 : 0, channels > 1 ? 2 : 0].map((k) =>
        isSeen ? array[from + k] : (array[from + k] - target.low) * factor);
      image.data.set(color, to);
      image.data[to + 3] = 255;
    }
  return image;
}
