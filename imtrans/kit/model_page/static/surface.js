// The drawn picture: its pixels, shown on a canvas, with the states that undo and redo go back and forth to.

const MOST_BYTES = 64e6; // of all states that undo keeps

export class Surface {
  constructor(canvas, paper) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.paper = paper;
    this.past = [];
    this.future = [];
  }

  /** Begin with another picture (an ImageData), or an empty one of this size; undo leads back. */
  load(image) {
    if (this.image) this.keep();
    this.show(image);
  }

  blank(width, height) {
    const image = new ImageData(width, height), pixels = image.data;
    for (let i = 0; i < pixels.length; i += 4) pixels.set([...this.paper, 255], i);
    return image;
  }

  show(image) {
    this.image = image;
    this.canvas.width = image.width;
    this.canvas.height = image.height;
    this.refresh();
    this.canvas.dispatchEvent(new Event("load"));
  }

  /** Remember the picture as it is, before it is changed. */
  keep() {
    this.past.push(this.copy());
    this.future = [];
    let bytes = 0;
    const newest = this.past.toReversed().findIndex((image) => (bytes += image.data.length) > MOST_BYTES);
    if (newest > 0) this.past.splice(0, this.past.length - newest);
  }

  copy() {
    return new ImageData(this.image.data.slice(), this.image.width, this.image.height);
  }

  restore(image) {
    this.image.data.set(image.data);
  }

  undo() {
    this.travel(this.past, this.future);
  }

  redo() {
    this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length) return;
    to.push(this.image);
    this.show(from.pop());
    this.changed();
  }

  refresh() {
    this.context.putImageData(this.image, 0, 0);
  }

  changed() {
    this.refresh();
    this.canvas.dispatchEvent(new Event("change"));
  }
}
