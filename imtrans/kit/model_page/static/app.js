// The page: connects the drawing, the backend and the controls.

import { cssOf, snapToClasses } from "./colors.js";
import { Compare } from "./compare.js";
import { Intake } from "./intake.js";
import { Live } from "./live.js";
import { Painter } from "./painter.js";
import { Surface } from "./surface.js";

const $ = (id) => document.getElementById(id);
const model = JSON.parse($("model").textContent);
const surface = new Surface($("drawing"), model.brushes[model.paper].color);
const painter = new Painter(surface, $("crosshair"));
const compare = new Compare($("compare"));
const live = new Live(translateNow, showError);
const intake = new Intake(model, take, showError);
let backend = null, seed = 0;

async function translateNow() {
  if (!backend) return;
  const source = surface.copy(), begin = performance.now();
  $("compare").classList.add("busy");
  try {
    compare.show(source, await backend.translate(source.data, source.width, source.height, seed));
  } finally {
    $("compare").classList.remove("busy");
  }
  showError(null);
  const time = Math.round(performance.now() - begin), sample = model.hasNoise ? `, sample ${seed}` : "";
  $("state").textContent = `${source.width} × ${source.height} in ${time} ms${sample}`;
}

function showError(error) {
  $("error").hidden = !error;
  $("error").textContent = error ? error.message : "";
}

function take(image, name) {
  if (model.tool === "labels") snapToClasses(image.data, model.brushes);
  surface.load(image);
  surface.changed();
  $("state").textContent = `${name}: ${image.width} × ${image.height}`;
  if (!$("live").checked) live.request();
}

function selectRadio(buttons, chosen) {
  for (const button of buttons) {
    button.setAttribute("aria-checked", String(button === chosen));
    button.tabIndex = button === chosen ? 0 : -1;
  }
}

/** A group of buttons of which one is chosen: by a click, or with the arrow keys. */
function radioGroup(group, choose) {
  const buttons = [...group.querySelectorAll('[role="radio"]')];
  const pick = (button) => { selectRadio(buttons, button); choose(button, buttons.indexOf(button)); };
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => pick(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = buttons[(index + step + buttons.length) % buttons.length];
      next.focus();
      pick(next);
    });
  });
  return (index) => buttons[index] && pick(buttons[index]);
}

function addBrushes() {
  for (const { name, color } of model.brushes) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "brush", title: name });
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", name);
    button.style.background = cssOf(color);
    $("brushes").append(button);
  }
  return radioGroup($("brushes"), (_, index) => {
    painter.color = model.brushes[index].color;
    $("dot").style.background = cssOf(painter.color);
  });
}

function addExamples() {
  for (const { name, uri } of model.examples) {
    const button = document.createElement("button"), picture = document.createElement("img");
    Object.assign(picture, { src: uri, alt: "" });
    Object.assign(button, { type: "button", className: "example", title: name });
    button.setAttribute("aria-label", `Example ${name}`);
    button.append(picture);
    button.addEventListener("click", () => openExample(picture, name));
    $("examples").append(button);
  }
}

async function openExample(picture, name) {
  await picture.decode();
  take(intake.fitted(await createImageBitmap(picture)), name);
}

function setWidth() {
  painter.width = Number($("width").value);
  const scale = $("drawing").clientWidth / $("drawing").width || 1, size = Math.max(4, Math.min(26, painter.width * scale));
  $("dot").style.width = $("dot").style.height = `${size}px`;
}

function changed() {
  if ($("live").checked) live.request();
}

function shaped() {
  const { width, height } = $("drawing");
  for (const stage of document.querySelectorAll(".stage")) {
    stage.style.setProperty("--ratio", width / height);
    stage.classList.toggle("coarse", Math.max(width, height) <= 300);
  }
  setWidth();
}

function save() {
  $("result").toBlob((blob) => {
    const link = document.createElement("a");
    Object.assign(link, { href: URL.createObjectURL(blob), download: `${model.name}-translation.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
  });
}

function shortcut(event, pickTool, pickBrush) {
  if (event.target.matches?.("input") || document.querySelector("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) surface.redo();
    else surface.undo();
  } else if ("brf".includes(key)) pickTool("brf".indexOf(key));
  else if (key >= "1" && key <= "9") pickBrush(Number(key) - 1);
}

function connect() {
  painter.isHard = model.tool === "labels" || model.tool === "colors";
  const pickBrush = addBrushes();
  const pickTool = radioGroup($("tools"), (button) => { painter.tool = button.dataset.tool; });
  pickTool(0);
  pickBrush(model.tool === "pencil" || model.tool === "photo" ? 0 : Number(model.paper === 0));
  const { canvas } = surface;
  canvas.addEventListener("change", changed);
  canvas.addEventListener("load", shaped);
  $("width").max = Math.max(8, Math.round(Math.min(...model.size) / 4));
  $("width").value = model.tool === "pencil" ? Math.max(1, Math.round(Math.min(...model.size) / 128)) : Math.round(Math.min(...model.size) / 20);
  $("width").addEventListener("input", setWidth);
  $("undo").addEventListener("click", () => surface.undo());
  $("redo").addEventListener("click", () => surface.redo());
  $("clear").addEventListener("click", () => { surface.load(surface.blank(canvas.width, canvas.height)); surface.changed(); });
  $("sample").hidden = !model.hasNoise;
  $("sample").addEventListener("click", () => { seed = 1 + Math.floor(Math.random() * 1e6); live.request(); });
  $("download").addEventListener("click", save);
  $("translate").addEventListener("click", () => live.request());
  $("live").addEventListener("change", () => { $("translate").hidden = $("live").checked; changed(); });
  document.addEventListener("keydown", (event) => shortcut(event, pickTool, pickBrush));
  addEventListener("resize", setWidth);
  intake.listen($("stage"), { upload: $("upload"), paste: $("paste"), file: $("file") });
  intake.camera($("camera"), $("camera-dialog"), { video: $("video"), snap: $("snap"), close: $("camera-close") });
  addExamples();
}

async function start() {
  connect();
  const first = $("examples")?.querySelector("img");
  if (first) await openExample(first, model.examples[0].name);
  else surface.load(surface.blank(model.size[1], model.size[0]));
  try {
    backend = await openBackend(model, (text) => { $("wait").textContent = text; });
  } catch (error) {
    $("wait").textContent = "The model does not run here.";
    return showError(error);
  }
  live.request();
}

start();
