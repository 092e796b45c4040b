// The list of images with its filters. Up and Down go through it, Enter opens: one stop for the Tab key.

import { byId, make } from "./elements.js";
import { TEXTS } from "./texts.js";

const IS_SHOWN = {
  all: () => true,
  open: (row) => !row.reviewed,
  unreviewed: (row) => row.unreviewed > 0,
  flagged: (row) => row.flagged,
};
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** Args: the store. */
export class ImageList {
  #store;
  #element = byId("images");
  #state = byId("filter-state");
  #category = byId("filter-category");
  #order = byId("filter-order");
  #shown = []; // keys
  #items = new Map(); // key -> {item, row}
  #categories = null; // those that can be chosen
  #score = null; // of the open image when it was opened
  #marked = []; // the items that are selected, or the stop for the Tab key

  constructor(store) {
    this.#store = store;
    this.#state.append(...optionsOf(TEXTS.states));
    this.#order.append(...optionsOf(TEXTS.orders));
    for (const select of [this.#state, this.#category, this.#order]) {
      select.addEventListener("change", () => this.#arrange());
    }
    this.#element.addEventListener("click", (event) => this.#open(event.target.closest("li")));
    this.#element.addEventListener("keydown", (event) => this.#key(event));
    store.addEventListener("overview", () => this.#update());
    store.addEventListener("image", (event) => event.detail.isOther && this.#opened());
  }

  /** The key of the next image (`step` 1) or the one before (-1), or null. Those without a file are left out. */
  after(step) {
    let place = this.#shown.indexOf(this.#store.key) + step;
    while (this.#isMissing(this.#shown[place])) place += step;
    return this.#shown[place] ?? null;
  }

  #isMissing(key) {
    return Boolean(this.#items.get(key)?.row.missing);
  }

  /** The key of the image to begin with: the first that is not done, else the first; null of none. */
  first() {
    const there = this.#shown.filter((key) => !this.#isMissing(key));
    return there.find((key) => !this.#items.get(key).row.reviewed) ?? there[0] ?? null;
  }

  /** Takes a new overview: only rows that changed are made anew. */
  #update() {
    const { images, categories } = this.#store.overview;
    if (categories.join("\n") !== this.#categories) this.#offer(categories);
    for (const row of images) {
      const before = this.#items.get(row.key);
      if (before?.row === row) continue;
      const item = itemOf(row);
      if (before?.item === document.activeElement) requestAnimationFrame(() => item.focus());
      before?.item.replaceWith(item);
      this.#items.set(row.key, { row, item });
    }
    this.#arrange();
  }

  #offer(categories) {
    const chosen = this.#category.value;
    this.#category.replaceChildren(...optionsOf({ "": TEXTS.anyCategory }), ...categories.map(optionOf));
    this.#category.value = categories.includes(chosen) ? chosen : "";
    this.#categories = categories.join("\n");
  }

  #arrange() {
    const { images, categories } = this.#store.overview;
    const category = categories.includes(this.#category.value) ? this.#category.value : null;
    const isShown = IS_SHOWN[this.#state.value];
    // The open image stays where it is until another one is opened, so that "next" goes on from there.
    const rows = images.filter(
      (row) => row.key === this.#store.key || (isShown(row) && (!category || row.categories.includes(category))),
    );
    const scoreOf = (row) => (row.key === this.#store.key ? this.#score : row.lowest_score) ?? 2; // none: the last
    if (this.#order.value === "score") rows.sort((a, b) => scoreOf(a) - scoreOf(b));
    const shown = rows.map((row) => row.key);
    if (shown.join("\n") !== this.#shown.join("\n")) {
      this.#element.replaceChildren(...shown.map((key) => this.#items.get(key).item));
    }
    this.#shown = shown;
    byId("shown-count").textContent = TEXTS.shownCount(rows.length, images.length);
    this.#mark();
  }

  #opened() {
    const { item, row } = this.#items.get(this.#store.key);
    this.#score = row.lowest_score;
    this.#arrange();
    const list = this.#element; // it alone is scrolled: on a narrow screen the page shows the picture
    if (item.offsetTop < list.scrollTop) list.scrollTop = item.offsetTop;
    const low = item.offsetTop + item.offsetHeight - list.clientHeight;
    if (low > list.scrollTop) list.scrollTop = low;
  }

  #mark() {
    for (const item of this.#marked) mark(item, false, -1);
    const open = this.#items.get(this.#store.key)?.item;
    const stop = open ?? this.#items.get(this.#shown[0])?.item;
    this.#marked = [open, stop].filter(Boolean);
    if (stop) mark(stop, stop === open, 0);
  }

  #open(item) {
    if (item) this.#store.open(item.dataset.key);
  }

  #key(event) {
    if (event.key === "Enter" || event.key === " ") this.#open(event.target.closest("li"));
    else if (event.key in STEPS) this.#focus(event.target.closest("li"), STEPS[event.key]);
    else return;
    event.preventDefault();
  }

  #focus(from, step) {
    const now = this.#shown.indexOf(from?.dataset.key);
    const place = Math.min(this.#shown.length - 1, Math.max(0, now + step));
    this.#items.get(this.#shown[place])?.item.focus();
  }
}

function mark(item, isSelected, tabIndex) {
  item.setAttribute("aria-selected", String(isSelected));
  item.tabIndex = tabIndex;
}

function itemOf(row) {
  const name = make("bdi", { className: "name", textContent: row.name });
  const facts = make("span", { className: "facts", textContent: TEXTS.row({ ...row, score: row.lowest_score }) });
  const item = make("li", { role: "option" }, name, facts);
  mark(item, false, -1);
  item.dataset.key = row.key;
  for (const state of ["reviewed", "unreviewed", "flagged", "missing"]) {
    item.classList.toggle(state, Boolean(row[state]));
  }
  return item;
}

function optionsOf(texts) {
  return Object.entries(texts).map(([value, textContent]) => make("option", { value, textContent }));
}

function optionOf(category) {
  return make("option", { value: category, textContent: category });
}
