// The translation, with the source over it up to the slider.

export class Compare {
  constructor(stage) {
    this.stage = stage;
    [this.result, this.before] = ["result", "before"].map((id) => stage.querySelector(`#${id}`));
    const slider = stage.querySelector("#slider");
    slider.addEventListener("input", () => this.slide(slider.value));
    this.slide(slider.value);
  }

  slide(percent) {
    this.stage.style.setProperty("--at", `${percent}%`);
  }

  show(source, translation) {
    for (const [canvas, image] of [[this.before, source], [this.result, translation]]) {
      if (canvas.width !== image.width || canvas.height !== image.height) [canvas.width, canvas.height] = [image.width, image.height];
      canvas.getContext("2d").putImageData(image, 0, 0);
    }
    this.stage.classList.add("ready");
  }
}
