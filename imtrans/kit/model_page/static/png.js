// PNG files of exact values: a canvas may change colours when it encodes, and writes no numbers of classes.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

function chunk(kind, content) {
  const bytes = new Uint8Array(12 + content.length), view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, checksum(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A PNG of values (Uint8Array, or Uint16Array for 16 bits) of 1 or 3 channels, as a Blob. */
export async function encodePng({ values, channels }, width, height) {
  const deep = values.BYTES_PER_ELEMENT === 2, row = width * channels * (deep ? 2 : 1);
  const lines = new Uint8Array(height * (row + 1)), view = new DataView(lines.buffer);
  for (let y = 0; y < height; y++) {
    const line = values.subarray(y * width * channels, (y + 1) * width * channels), start = y * (row + 1) + 1;
    if (deep) line.forEach((value, x) => view.setUint16(start + 2 * x, value));
    else lines.set(line, start);
  }
  const head = new Uint8Array(13), fields = new DataView(head.buffer);
  fields.setUint32(0, width);
  fields.setUint32(4, height);
  head.set([deep ? 16 : 8, channels === 3 ? 2 : 0, 0, 0, 0], 8);
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const parts = [signature, chunk("IHDR", head), chunk("IDAT", await deflated(lines)), chunk("IEND", new Uint8Array(0))];
  return new Blob(parts, { type: "image/png" });
}
