// Pointer and keyboard on the drawing: brush, box and fill.

import { drawBox, drawLine, fillArea } from "./strokes.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Painter {
  constructor(surface, crosshair) {
    Object.assign(this, { surface, crosshair, tool: "brush", width: 6, color: [0, 0, 0], isHard: true, start: null });
    const { canvas } = surface;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => this.end());
    canvas.addEventListener("keydown", (event) => this.type(event));
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("load", () => { this.pen = null; this.start = null; });
  }

  press(event) {
    if (event.button) return;
    event.preventDefault();
    this.surface.canvas.focus({ preventScroll: true });
    this.surface.canvas.setPointerCapture(event.pointerId);
    this.crosshair.hidden = true;
    this.begin(this.placeOf(event));
  }

  follow(event) {
    if (!this.start) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.move(this.placeOf(each));
  }

  placeOf(event) {
    const { canvas } = this.surface, box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
  }

  begin(place) {
    this.surface.keep();
    this.start = this.last = place;
    if (this.tool === "box") this.before = this.surface.copy();
    if (this.tool === "fill") {
      fillArea(this.surface.image, place, this);
      this.start = null;
      this.surface.changed();
    } else this.move(place);
  }

  move(place) {
    if (this.tool === "box") {
      this.surface.restore(this.before);
      drawBox(this.surface.image, this.start, place, this);
    } else drawLine(this.surface.image, this.last, place, this);
    this.last = place;
    this.surface.changed();
  }

  end() {
    this.start = null;
  }

  leave() {
    this.end();
    this.crosshair.hidden = true;
  }

  type(event) {
    const { canvas } = this.surface, arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!arrow && event.key !== " ")) return;
    event.preventDefault();
    this.pen ??= { x: canvas.width / 2, y: canvas.height / 2 };
    if (arrow) {
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.min(canvas.width, canvas.height) / 32));
      this.pen = {
        x: Math.min(canvas.width, Math.max(0, this.pen.x + step * arrow[0])),
        y: Math.min(canvas.height, Math.max(0, this.pen.y + step * arrow[1])),
      };
      if (this.start) this.move(this.pen);
    } else if (this.start) this.end();
    else this.begin(this.pen);
    this.point();
  }

  point() {
    const { canvas } = this.surface, { style, classList } = this.crosshair;
    this.crosshair.hidden = false;
    style.left = `${(100 * this.pen.x) / canvas.width}%`;
    style.top = `${(100 * this.pen.y) / canvas.height}%`;
    classList.toggle("down", Boolean(this.start));
  }
}
