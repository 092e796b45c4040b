// The side with what is known of the image and of the selected cell, the categories, the light; and the tools above.

import { isUnreviewed } from "./cells.js";
import { byId, make } from "./elements.js";
import { keysOf } from "./keys.js";
import { drawSample } from "./looks.js";
import { TEXTS } from "./texts.js";

const TOOLS = [
  ["select", "polygon", "freehand", "box"],
  ["undo", "redo"],
  ["zoomIn", "zoomOut", "fit", "hide"],
  ["previousUnreviewed", "nextUnreviewed", "previous", "next"],
];
const OF_IMAGE = ["done", "reopen", "acceptAll", "outlineAll", "flag"];
const OF_CELL = ["accept", "outline", "remove"];

/** Args: the store, the layers, the hand, `run(command, argument)`. */
export class Panel {
  constructor(store, layers, hand, run) {
    Object.assign(this, { store, layers, hand, run });
    const groups = TOOLS.map((group) => make("div", { role: "group" }, ...group.map((name) => this.#button(name))));
    byId("tools").append(...groups);
    byId("image-commands").append(...OF_IMAGE.map((command) => this.#button(command)));
    byId("cell-commands").append(...OF_CELL.map((command) => this.#button(command)));
    this.#button("help", byId("help-button"));
    this.#prepareCategories();
    this.#prepareLight();
    store.addEventListener("overview", () => this.#showSet());
    for (const kind of ["cells", "image", "selection"]) store.addEventListener(kind, () => this.#soon());
    store.addEventListener("category", () => this.#soon());
    hand.onChange = () => this.#soon();
  }

  #button(command, button = make("button", { type: "button" })) {
    const name = TEXTS.commands[command];
    button.textContent = TEXTS.short[command] ?? name;
    button.dataset.command = command;
    button.addEventListener("click", () => this.run(command));
    this.#explain(button, name);
    return button;
  }

  /** Says what a button is and by which keys it is reached. */
  #explain(button, name) {
    button.title = TEXTS.hint(name, keysOf(button.dataset.command));
    button.setAttribute("aria-label", name);
  }

  #buttons(command) {
    return document.querySelectorAll(`button[data-command="${command}"]`);
  }

  // ---------------------------------------------------------------- the set

  #prepareCategories() {
    const field = byId("new-category");
    field.placeholder = TEXTS.newCategory;
    const add = () => {
      const name = field.value.trim();
      field.value = "";
      if (name) this.store.addCategory(name);
    };
    byId("add-category").addEventListener("click", add);
    field.addEventListener("keydown", (event) => event.key === "Enter" && add());
  }

  #showSet() {
    const { name, images, categories } = this.store.overview;
    const done = images.filter((row) => row.reviewed).length;
    byId("set-name").textContent = name;
    document.title = `${name} · smearprep`;
    Object.assign(byId("progress"), { value: done, max: Math.max(1, images.length) });
    byId("progress-text").textContent = TEXTS.progressText(done, images.length);
    byId("categories").replaceChildren(...categories.map((category, n) => this.#categoryButton(category, n)));
    if (!categories.length) byId("categories").textContent = TEXTS.noCategories;
    this.#soon();
  }

  #categoryButton(category, n) {
    const sample = make("canvas", { width: 56, height: 20, className: "sample" });
    drawSample(sample, n);
    sample.setAttribute("aria-hidden", "true");
    const name = make("bdi", { textContent: category });
    const button = make("button", { type: "button", className: "category" }, sample, name);
    if (n < 9) button.append(make("kbd", { textContent: String(n + 1) }));
    button.dataset.category = category;
    button.addEventListener("click", () => this.run("category", n + 1));
    return button;
  }

  // ---------------------------------------------------------------- image and cell

  /** Shows what is, once in a frame, however often it changed. */
  #soon() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.#show();
    });
  }

  #show() {
    for (const button of document.querySelectorAll("[data-category]")) {
      button.setAttribute("aria-pressed", String(button.dataset.category === this.store.category));
    }
    for (const tool of TOOLS[0]) {
      for (const button of this.#buttons(tool)) button.setAttribute("aria-pressed", String(tool === this.hand.name));
    }
    for (const button of this.#buttons("hide")) button.setAttribute("aria-pressed", String(this.layers.hidden));
    this.#showImage();
    this.#showCell();
  }

  #showImage() {
    const { image, cells } = this.store;
    byId("image-title").textContent = image?.name ?? TEXTS.noImage;
    const open = [...cells.values()].filter(isUnreviewed).length;
    byId("image-facts").textContent = image ? TEXTS.imageFacts(image.width, image.height, cells.size, open) : "";
    byId("image-note").hidden = !image?.flagged;
    byId("image-note").textContent = image?.flagged ? TEXTS.flagged(image.note) : "";
    this.#unhide("done", !image?.reviewed);
    this.#unhide("reopen", image?.reviewed);
    this.#enable("acceptAll", open > 0);
    this.#enable("outlineAll", [...cells.values()].some((cell) => !cell.parts.length));
    for (const [command, hint] of Object.entries(TEXTS.hints)) {
      this.#enable(command, Boolean(image?.[command]));
      for (const button of this.#buttons(command)) this.#explain(button, hint(image?.[command]));
    }
  }

  #showCell() {
    const cell = this.store.cell;
    byId("cell-title").textContent = cell ? TEXTS.cell(cell.category) : TEXTS.noCell;
    byId("cell-facts").textContent = cell ? TEXTS.cellFacts(cell, TEXTS.known[cell.outline]) : "";
    this.#enable("accept", Boolean(cell && isUnreviewed(cell)));
    this.#enable("outline", Boolean(cell && !cell.parts.length));
    this.#enable("remove", Boolean(cell));
  }

  #unhide(command, isShown) {
    for (const button of this.#buttons(command)) button.hidden = !isShown;
  }

  /** A button that does nothing now keeps the focus, and says why when it is pressed. */
  #enable(command, isUseful) {
    for (const button of this.#buttons(command)) button.setAttribute("aria-disabled", String(!isUseful));
  }

  // ---------------------------------------------------------------- light

  #prepareLight() {
    const sliders = ["brightness", "contrast"].map(byId);
    const show = () => {
      const [brightness, contrast] = sliders.map((slider) => Number(slider.value));
      const isPlain = brightness === 100 && contrast === 100; // then the browser has no filter to compute
      byId("pixels").style.filter = isPlain ? "" : `brightness(${brightness}%) contrast(${contrast}%)`;
    };
    for (const slider of sliders) slider.addEventListener("input", show);
    byId("light-reset").addEventListener("click", () => {
      for (const slider of sliders) slider.value = 100;
      show();
    });
  }
}
