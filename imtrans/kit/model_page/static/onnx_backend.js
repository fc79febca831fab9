// Translates in this browser: onnxruntime-web in a worker, all of it from the bytes of this page.

import { graphInput, graphOutput } from "./onnx_pixels.js";

const START_SECONDS = 90, PICTURE_SECONDS = 300;

/** A file that is embedded in the page, unpacked. */
async function attachment(name) {
  const packed = Uint8Array.from(atob(document.getElementById(`file-${name}`).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Sends a message and waits for the answer, no longer than a time limit. */
function asked(worker, message, transfer, seconds, what) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: no answer in ${seconds} s.`)), 1000 * seconds);
    const answer = (work) => (event) => { clearTimeout(timer); work(event); };
    worker.onmessage = answer(({ data }) => data.error ? reject(new Error(`${what}: ${data.error}`)) : resolve(data));
    worker.onerror = answer((event) => reject(new Error(`${what}: ${event.message ?? "the browser refuses to run it"}`)));
    worker.postMessage(message, transfer);
  });
}

export async function openBackend(model, tell) {
  tell("The model is being unpacked");
  const [code, script, wasm, onnx] = await Promise.all(["worker", "script", "wasm", "onnx"].map(attachment));
  tell("The model is being started; this happens once");
  // No module: browsers refuse a worker that is one, and a blob, to a page that was opened from the disk.
  const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const start = { script, wasm, onnx, wantsGpu: model.webgpu };
  await asked(worker, start, [script, wasm, onnx], START_SECONDS, "The model cannot be started");
  return {
    async translate(pixels, width, height, seed) {
      const picture = graphInput(pixels, width, height, model);
      const message = { picture, seed: model.graph.noise ? seed : null };
      const output = await asked(worker, message, [picture.array.buffer], PICTURE_SECONDS, "The picture cannot be translated");
      return graphOutput(output.array, picture.shape[2], width, height, model);
    },
  };
}
