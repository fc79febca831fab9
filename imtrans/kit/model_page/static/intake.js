// Pictures from elsewhere: a file, the clipboard, a drop, the camera, an example.

const MOST_BYTES_TAKEN = 50e6, LONGEST = 4; // the longer side is at most so many times the shorter one

export class Intake {
  constructor(model, take, fail) {
    Object.assign(this, { model, take, fail });
  }

  /** Bring a file or Blob to the size of the model and hand it on; `fail` says why it cannot be. */
  async open(blob, name) {
    try {
      if (blob.size > MOST_BYTES_TAKEN) throw new Error(`has more than ${MOST_BYTES_TAKEN / 1e6} MB`);
      const bitmap = await createImageBitmap(blob).catch(() => { throw new Error("is no picture that this browser reads"); });
      this.take(this.fitted(bitmap), name);
      bitmap.close();
    } catch (error) {
      this.fail(new Error(`${name}: ${error.message}.`));
    }
  }

  /** The pixels of a bitmap or video, with the shorter side of training; of a whole pair the source half. */
  fitted(bitmap) {
    const { half, size, tool } = this.model;
    let [left, width, height] = [0, bitmap.videoWidth ?? bitmap.width, bitmap.videoHeight ?? bitmap.height];
    if (half && Math.abs(width / height / half.aspect - 1) < 0.01) {
      width = Math.floor(width / 2);
      left = half.side === "right" ? width : 0;
    }
    const factor = Math.min(...size) / Math.min(width, height);
    const most = LONGEST * Math.max(...size);
    const [columns, rows] = [width, height].map((side) => Math.min(most, Math.max(1, Math.round(side * factor))));
    const context = new OffscreenCanvas(columns, rows).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white"; // what is transparent is laid on white, as in training
    context.fillRect(0, 0, columns, rows);
    context.imageSmoothingEnabled = tool === "photo" || tool === "pencil";
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, left, 0, width, height, 0, 0, columns, rows);
    return context.getImageData(0, 0, columns, rows);
  }

  listen(stage, { upload, paste, file }) {
    upload.addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      if (file.files[0]) this.open(file.files[0], file.files[0].name);
      file.value = "";
    });
    if (navigator.clipboard?.read) paste.addEventListener("click", () => this.fromClipboard());
    else paste.hidden = true;
    document.addEventListener("paste", (event) => {
      const item = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
      if (item) this.open(item, "the pasted picture");
    });
    for (const kind of ["dragenter", "dragover"]) document.addEventListener(kind, (event) => this.hover(event, stage, true));
    document.addEventListener("dragleave", (event) => event.relatedTarget ?? this.hover(event, stage, false));
    document.addEventListener("drop", (event) => {
      this.hover(event, stage, false);
      const [item] = event.dataTransfer.files;
      if (item) this.open(item, item.name);
    });
  }

  hover(event, stage, isOver) {
    event.preventDefault();
    stage.classList.toggle("over", isOver);
  }

  async fromClipboard() {
    try {
      for (const item of await navigator.clipboard.read()) {
        const kind = item.types.find((type) => type.startsWith("image/"));
        if (kind) return this.open(await item.getType(kind), "the pasted picture");
      }
      this.fail(new Error("There is no picture in the clipboard."));
    } catch {
      this.fail(new Error("The browser does not let this page read the clipboard; Ctrl+V works."));
    }
  }

  /** Let the button open a dialog with the camera's picture; without a camera it is hidden. */
  camera(button, dialog, { video, snap, close }) {
    if (!navigator.mediaDevices?.getUserMedia) {
      button.hidden = true;
      return;
    }
    const stop = () => video.srcObject?.getTracks().forEach((track) => track.stop());
    button.addEventListener("click", async () => {
      try {
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        dialog.showModal();
        await video.play();
      } catch {
        this.fail(new Error("There is no camera, or the browser does not let this page use it."));
      }
    });
    snap.addEventListener("click", () => { if (video.videoWidth) this.take(this.fitted(video), "the camera"); dialog.close(); });
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", stop);
  }
}
