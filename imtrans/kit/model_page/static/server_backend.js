// Translates on the server that this page comes from.

import { sourceValues } from "./colors.js";
import { encodePng } from "./png.js";

const PATIENCE = 120e3, PAUSE = 1000; // ms: for an answer; before asking a full queue again

export async function openBackend(model) {
  return {
    async translate(pixels, width, height, seed) {
      const body = await encodePng(sourceValues(pixels, model), width, height);
      const answer = await fetch(`/translate?display=true&seed=${seed}`, {
        method: "POST", body, headers: { "Content-Type": "image/png" }, signal: AbortSignal.timeout(PATIENCE),
      }).catch(() => { throw new Error("The server does not answer; is it still running?"); });
      if (answer.status === 503) await new Promise((resolve) => setTimeout(resolve, PAUSE));
      if (!answer.ok) throw Object.assign(new Error(await reasonOf(answer)), { retry: answer.status === 503 });
      return pixelsOf(await createImageBitmap(await answer.blob()));
    },
  };
}

async function reasonOf(answer) {
  const text = await answer.json().then((content) => content.error, () => "");
  return text ? `The server: ${text}.` : `The server answered ${answer.status}.`;
}

function pixelsOf(bitmap) {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
