// What the page knows: the set, the open image with its cells, what is selected; and every way to change it.

import * as api from "./api.js";
import { isSame, isUnreviewed, taken } from "./cells.js";
import { Images } from "./images.js";
import { Outbox } from "./outbox.js";
import { TEXTS } from "./texts.js";

/** Emits "overview", "opening" (the open image will be left), "image" {isOther: another one, else another state},
 *  "cells" {changes: [[before, after], ...], isForeign: not by this window}, "selection" {before}, "category", "say"
 *  (a sentence for the user) and "conflict" {key, items, image}. */
export class Store extends EventTarget {
  outbox = new Outbox();
  /** As /api/set tells it; null before it came. */
  overview = null;
  /** The open image without its cells; null if none is open. */
  image = null;
  /** The open image, decoded. */
  pixels = null;
  /** id -> cell, in the order in which they are drawn; ids as words. */
  cells = new Map();
  /** The id of the selected cell, or null. */
  selected = null;
  /** The category of what is drawn next, or null. */
  category = null;
  #opening = 0;
  #images = new Images();
  #polling = null; // a promise, while changes are asked for
  #isAsked = false; // to ask once more after that
  #own = 0; // edits of this window since changes were last asked for
  #undoing = null; // a promise, while the server turns an edit back

  constructor() {
    super();
    this.outbox.addEventListener("answer", (event) => this.#answered(event.detail));
    this.outbox.addEventListener("refused", (event) => this.#refused(event.detail));
    this.outbox.addEventListener("conflict", (event) => this.#conflicted(event.detail));
  }

  /** The open image's key, or null. */
  get key() {
    return this.image?.key ?? null;
  }

  /** The selected cell, or null. */
  get cell() {
    return this.cells.get(this.selected) ?? null;
  }

  /** The cells that nobody has reviewed, the least certain first. */
  unreviewed() {
    const open = [...this.cells.values()].filter(isUnreviewed);
    return open.sort((a, b) => (a.score ?? -1) - (b.score ?? -1));
  }

  /** Says a sentence to the user. */
  say(words) {
    this.#emit("say", words);
  }

  // ---------------------------------------------------------------- the set

  /** Loads the set. Throws Refused, Away. */
  async load() {
    this.#setOverview(await api.get("/api/set"));
  }

  /** Asks what has changed, here and in other windows; one question at a time. Throws Refused, Away. */
  poll() {
    this.#isAsked = true;
    this.#polling ??= this.#pollWhileAsked().finally(() => (this.#polling = null));
    return this.#polling;
  }

  async #pollWhileAsked() {
    while (this.#isAsked) {
      this.#isAsked = false;
      await this.#poll();
    }
  }

  async #poll() {
    const { revision, images, categories } = await api.get("/api/changes", { since: this.overview.revision });
    const isOwn = revision - this.overview.revision === this.#own;
    this.#own = 0;
    const isSameSet = categories.length === this.overview.categories.length;
    if (revision === this.overview.revision && isSameSet) return;
    const changed = new Map(images.map((row) => [row.key, row]));
    const rows = this.overview.images.map((row) => changed.get(row.key) ?? row);
    this.#setOverview({ ...this.overview, revision, categories, images: rows });
    if (!isOwn && changed.has(this.key) && !this.outbox.waiting(this.key)) await this.#refresh();
  }

  /** Adds a category, and chooses it. */
  async addCategory(name) {
    try {
      this.#setOverview(await api.post("/api/category", { name }));
      this.choose(name);
    } catch (error) {
      this.say(TEXTS.said.notDone(name, messageOf(error)));
    }
  }

  #setOverview(overview) {
    this.overview = overview;
    if (!overview.categories.includes(this.category)) this.category = overview.categories[0] ?? null;
    this.#emit("overview");
  }

  // ---------------------------------------------------------------- the image

  /** Opens an image, once the edits of the one before are saved. Returns whether it is open. */
  async open(key) {
    const turn = ++this.#opening;
    if (key === this.key) return true;
    this.#emit("opening");
    if (this.#undoing) await this.#undoing;
    if (this.key && !(await this.outbox.settled())) {
      this.say(TEXTS.said.waitForServer);
      return false;
    }
    const before = this.key;
    if (turn !== this.#opening || !(await this.#load(key, turn))) return false;
    if (before) api.post("/api/leave", { key: before }).catch(() => {}); // it is in the journal
    return true;
  }

  /** Loads an image and shows it, if no other one was asked for meanwhile. Returns whether it is shown. */
  async #load(key, turn) {
    try {
      const [image, pixels] = await Promise.all([api.get("/api/image", { key }), this.#images.take(key)]);
      if (turn !== this.#opening) return false;
      this.pixels = pixels;
      this.#show(image, { isOther: true });
      return true;
    } catch (error) {
      if (turn === this.#opening) this.say(TEXTS.said.notDone(key, messageOf(error)));
      return false;
    }
  }

  /** Loads the pixels of an image that will probably be opened next. */
  lookAhead(key) {
    if (key) this.#images.lookAhead(key);
  }

  /** Reads the open image again if another window has changed it. */
  async #refresh() {
    const image = await api.get("/api/image", { key: this.key });
    if (image.key !== this.key || this.outbox.waiting(this.key)) return;
    if (image.revision === this.outbox.revisionOf(image.key)) return;
    this.#show(image, { isForeign: true });
    this.say(TEXTS.said.changedElsewhere);
  }

  /** Shows a state of an image that the server told: the answer to an edit, another image, or what others did. */
  #show({ cells, ...image }, { isOther = false, isForeign = false } = {}) {
    if (isOther) {
      this.select(null);
      this.cells = new Map();
    }
    this.image = image;
    this.outbox.isAt(image.key, image.revision);
    this.#setCells(cells, isForeign);
    this.#emit("image", { isOther });
    if (isOther) this.say(TEXTS.said.opened(image.name, cells.length, this.unreviewed().length));
  }

  #setCells(told, isForeign) {
    const { cells, changes } = taken(this.cells, told);
    this.cells = cells;
    if (this.selected && !cells.has(this.selected)) this.select(null);
    if (changes.length) this.#emit("cells", { changes, isForeign });
  }

  // ---------------------------------------------------------------- selection

  /** Selects a cell by its id; null selects none. */
  select(id) {
    if (id === this.selected) return;
    const before = this.cell;
    this.selected = id;
    this.#emit("selection", { before });
  }

  /** Chooses the category of what is drawn next. */
  choose(category) {
    this.category = category;
    this.#emit("category");
  }

  // ---------------------------------------------------------------- edits

  /** Changes the open image: `cells` {id: cell | null}, `image` {reviewed, flagged, note}. Is seen at once, and
   *  sent at once. Resolves as `Outbox.add` does. */
  async edit(title, cells = {}, image = {}) {
    const key = this.key;
    if (this.#undoing) await this.#undoing;
    if (this.key !== key) return null;
    const before = Object.fromEntries(Object.keys(cells).map((id) => [id, this.cells.get(id) ?? null]));
    this.#apply(cells);
    Object.assign(this.image, image, { undo: title, redo: null });
    this.#emit("image", { isOther: false });
    const item = { kind: "edit", key, title };
    if (Object.keys(cells).length) Object.assign(item, { cells, before });
    if (Object.keys(image).length) item.image = image;
    return this.outbox.add(item);
  }

  #apply(cells) {
    const changes = [];
    for (const [id, cell] of Object.entries(cells)) {
      changes.push([this.cells.get(id) ?? null, cell]);
      if (cell) this.cells.set(id, cell);
      else this.cells.delete(id);
    }
    if (this.selected && !this.cells.has(this.selected)) this.select(null);
    if (changes.length) this.#emit("cells", { changes, isForeign: false });
  }

  /** Undoes the last edit of the open image. Edits that follow wait for it. */
  undo() {
    return this.#turnBack("undo", TEXTS.said.undone);
  }

  /** Does again what was undone last. */
  redo() {
    return this.#turnBack("redo", TEXTS.said.redone);
  }

  async #turnBack(kind, words) {
    const isPossible = this.#undoing || this.image?.[kind];
    if (!isPossible) return this.say(TEXTS.hints[kind](null));
    const turned = this.#turnedBack(kind, words, this.#undoing);
    this.#undoing = turned;
    await turned;
    if (this.#undoing === turned) this.#undoing = null;
  }

  async #turnedBack(kind, words, earlier) {
    await earlier;
    if (!(await this.outbox.settled())) return this.say(TEXTS.said.waitForServer);
    const title = this.image[kind];
    if (title && (await this.outbox.add({ kind, key: this.key }))) this.say(words(title));
  }

  // ---------------------------------------------------------------- what the server says

  #answered({ answer, count }) {
    this.#own += count;
    if (answer.key !== this.key) return;
    this.#rename(answer.ids ?? {});
    if (!this.outbox.waiting(this.key)) this.#show(answer);
  }

  /** Gives new cells the ids that the server gave them. */
  #rename(ids) {
    if (!Object.keys(ids).length) return;
    const renamed = ([id, cell]) => (id in ids ? [String(ids[id]), { ...cell, id: ids[id] }] : [id, cell]);
    this.cells = new Map([...this.cells].map(renamed));
    if (this.selected in ids) this.selected = String(ids[this.selected]);
    this.#emit("renamed", ids);
  }

  async #refused({ item, error }) {
    this.say(TEXTS.said.notDone(item.title ?? item.kind, error.message));
    if (item.key !== this.key) return;
    const image = await api.get("/api/image", { key: item.key }).catch((fault) => this.say(messageOf(fault)));
    if (image?.key === this.key) this.#show(image, { isForeign: true });
  }

  async #conflicted(conflict) {
    if (conflict.key === this.key) this.#show(conflict.image, { isForeign: true });
    else await this.#load(conflict.key, ++this.#opening);
    this.#emit("conflict", conflict);
  }

  /** Ends a conflict: the image stays as the server has it. */
  keepTheirs({ key }) {
    this.outbox.keepTheirs(key);
  }

  /** Ends a conflict: what was to be done is done on the image as the server has it, but for cells that others have
   *  changed. */
  doAgain({ key, image }) {
    const now = new Map(image.cells.map((cell) => [String(cell.id), cell]));
    this.outbox.doAgain(key, image.revision, (id, before) => now.has(id) && isSame(now.get(id), before));
  }

  #emit(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

/** An error in words for the user. */
export function messageOf(error) {
  return error instanceof api.Away ? TEXTS.said.away : error.message;
}
