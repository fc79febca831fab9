// Runs the model beside the page, which stays usable meanwhile. The first message holds the files, the others pictures.

const SLOW = 20; // seconds after which an attempt with the GPU is given up
let ort = null, session = null;
let gpu = null; // while it has to be seen whether it is faster

/** A real GPU: a software adapter is far slower than WebAssembly. */
async function hasGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false);
}

async function timed(candidate, feeds) {
  await candidate.run(feeds, ["translation"]); // the first one compiles
  const begin = performance.now();
  await candidate.run(feeds, ["translation"]);
  return performance.now() - begin;
}

async function start({ script, wasm, onnx, wantsGpu }) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  ort = await import(url);
  URL.revokeObjectURL(url);
  Object.assign(ort.env.wasm, { wasmBinary: wasm, numThreads: 1 });
  ort.env.logLevel = "error";
  const create = (provider) => ort.InferenceSession.create(new Uint8Array(onnx), { executionProviders: [provider] });
  session = await create("wasm");
  if (wantsGpu && (await hasGpu())) gpu = { create, session: null };
}

/** On the first picture: keep the GPU if it is faster, in time. */
async function compare(feeds) {
  const { create } = gpu;
  gpu = null;
  try {
    const limit = new Promise((_, reject) => setTimeout(reject, 1000 * SLOW));
    const candidate = await Promise.race([create("webgpu"), limit]);
    if ((await Promise.race([timed(candidate, feeds), limit])) < (await timed(session, feeds))) session = candidate;
  } catch { /* WebAssembly it is */ }
}

async function translate({ picture, seed }) {
  const feeds = { picture: new ort.Tensor(picture.type, picture.array, picture.shape) };
  if (seed !== null) feeds.seed = new ort.Tensor("int32", Int32Array.of(seed), [1]);
  if (gpu) await compare(feeds);
  const { translation } = await session.run(feeds, ["translation"]);
  return Float32Array.from(translation.data);
}

onmessage = async ({ data }) => {
  try {
    if (data.script) {
      await start(data);
      postMessage({ ready: true });
    } else {
      const array = await translate(data);
      postMessage({ array }, [array.buffer]);
    }
  } catch (error) {
    postMessage({ error: String(error?.message ?? error) });
  }
};
