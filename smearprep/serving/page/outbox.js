// Edits on their way to the server: one after the other, in order, each until it is answered. What waits is kept
// in the tab's session storage, so that neither a reload nor a crash of the server loses it.

import * as api from "./api.js";
import { randomWord } from "./cells.js";

const STORED = "smearprep edits";
const AGAIN = 1000; // ms

/** Sends edits. Emits "change" (its state is another), "answer" {answer, count of edits}, "refused" {item, error} and
 *  "conflict" {key, items, image}: after this it waits for `keepTheirs` or `doAgain`. */
export class Outbox extends EventTarget {
  #items = [];
  #revisions = new Map(); // key -> the revision on which the next edit of that image is based
  #running = false;
  #idle = [];
  /** "idle", "sending", "away", "full", "link" or "conflict". */
  state = "idle";
  /** Why the server did not take an edit. */
  why = "";
  /** Whether what waits outlives a reload. */
  stored = true;

  /** Takes up what the page before a reload left, and sends what waits. */
  resume() {
    const left = JSON.parse(sessionStorage.getItem(STORED) ?? "null");
    if (left && !this.#items.length) {
      this.#items = left.items;
      this.#revisions = new Map(left.revisions);
    }
    this.#run();
  }

  /** How many edits are not saved yet; of one image, or of all. */
  waiting(key) {
    return key === undefined ? this.#items.length : this.#items.filter((item) => item.key === key).length;
  }

  /** Says which revision of an image is shown. */
  isAt(key, revision) {
    if (!this.waiting(key)) this.#revisions.set(key, revision);
  }

  /** The revision of an image that the server told last. */
  revisionOf(key) {
    return this.#revisions.get(key);
  }

  /** Queues {kind: "edit" | "undo" | "redo", key, title?, cells?, image?, before?}; `before` has the cells as they
   *  were, and is not sent. Resolves with the answer; with null if it was refused or dropped. */
  add(item) {
    const whole = { ...item, edit: randomWord() };
    this.#items.push(whole);
    this.#keep();
    const done = new Promise((resolve) => this.addEventListener(whole.edit, (e) => resolve(e.detail), { once: true }));
    this.#run();
    return done;
  }

  /** Resolves with true when nothing waits; with false when the server cannot take what waits. */
  settled() {
    if (!this.#items.length) return Promise.resolve(true);
    if (this.state !== "sending" && this.state !== "idle") return Promise.resolve(false);
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Tries again now. */
  retry() {
    if (this.state === "link" || this.state === "away") this.#run();
  }

  /** After a conflict: drops the unsent edits of the image. */
  keepTheirs(key) {
    const dropped = this.#items.filter((item) => item.key === key);
    this.#items = this.#items.filter((item) => item.key !== key);
    this.#goOn(dropped);
  }

  /** After a conflict: sends the image's unsent edits as edits of its present state. Cells for which
   *  `isUntouched(id, before)` is false are left out of them; undo and redo are dropped. */
  doAgain(key, revision, isUntouched) {
    const own = this.#items.filter((item) => item.key === key);
    const first = Object.assign({}, ...own.toReversed().map((item) => item.before)); // id -> cell, before any of them
    const isFree = (id) => id.startsWith("new-") || isUntouched(id, first[id]);
    const again = own.map((item) => [item, withCells(item, isFree)]);
    const others = this.#items.filter((item) => item.key !== key);
    this.#items = [...others, ...again.map(([, item]) => item).filter(Boolean)];
    this.#revisions.set(key, revision);
    this.#goOn(again.filter(([, item]) => !item).map(([item]) => item));
  }

  #goOn(dropped) {
    this.state = "idle";
    this.#keep();
    for (const item of dropped) this.#tell(item.edit, null);
    this.#run();
  }

  async #run() {
    if (this.#running || this.state === "conflict") return;
    this.#running = true;
    try {
      while (this.#items.length && (await this.#sendFirst()));
    } finally {
      this.#running = false;
    }
    if (!this.#items.length) this.#be("idle");
    for (const resolve of this.#idle.splice(0)) resolve(!this.#items.length);
  }

  /** Whether to go on. */
  async #sendFirst() {
    const item = this.#items[0];
    if (this.state === "idle" || this.state === "link") this.#be("sending");
    try {
      const { kind, before, ...body } = item;
      const revision = this.#revisions.get(item.key);
      this.#accept(item, await api.post(`/api/${kind}`, { ...body, revision }));
      return true;
    } catch (error) {
      return this.#failed(item, error);
    }
  }

  #accept(item, answer) {
    this.#items.shift();
    this.#items = this.#items.map((later) => withRealIds(later, answer.ids ?? {}));
    const count = answer.revision - this.#revisions.get(item.key);
    this.#revisions.set(item.key, answer.revision);
    this.#keep();
    this.#be(this.#items.length ? "sending" : "idle");
    this.#tell("answer", { answer, count });
    this.#tell(item.edit, answer);
  }

  #failed(item, error) {
    if (error instanceof api.Away) return this.#later("away", "");
    if (!(error instanceof api.Refused)) throw error;
    if (error.status === 409) return this.#conflict(item, error);
    if (error.status === 401 || error.status === 403) return this.#be("link");
    if (error.status === 507 || error.status === 503) return this.#later("full", error.message);
    this.#items.shift();
    this.#keep();
    this.#tell("refused", { item, error });
    this.#tell(item.edit, null);
    return true;
  }

  #conflict(item, error) {
    this.#be("conflict");
    const items = this.#items.filter((other) => other.key === item.key);
    this.#tell("conflict", { key: item.key, items, image: error.answer.image });
    return false;
  }

  /** Stops, and tries again in a while. */
  #later(state, why) {
    this.#be(state, why);
    setTimeout(() => this.#run(), AGAIN);
    return false;
  }

  #be(state, why = "") {
    [this.state, this.why] = [state, why];
    this.#tell("change");
    return false;
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  #keep() {
    const revisions = [...this.#revisions].filter(([key]) => this.waiting(key));
    try {
      if (this.#items.length) sessionStorage.setItem(STORED, JSON.stringify({ items: this.#items, revisions }));
      else sessionStorage.removeItem(STORED);
      this.stored = true;
    } catch {
      this.stored = false; // there is room for some 5 MB
    }
    this.#tell("change");
  }
}

/** An edit in which cells have the ids that the server gave them. */
function withRealIds(item, ids) {
  if (!item.cells || !Object.keys(item.cells).some((id) => id in ids)) return item;
  const real = ([id, cell]) => (id in ids ? [ids[id], cell && { ...cell, id: ids[id] }] : [id, cell]);
  const realCells = (cells) => Object.fromEntries(Object.entries(cells).map(real));
  return { ...item, cells: realCells(item.cells), before: realCells(item.before) };
}

/** An edit with those of its cells only for which `isFree(id)` is true; null if nothing is left of it. */
function withCells(item, isFree) {
  if (item.kind !== "edit") return null;
  const { cells = {}, before, ...rest } = item;
  const left = Object.entries(cells).filter(([id]) => isFree(id));
  if (left.length) return { ...rest, before, cells: Object.fromEntries(left) };
  return item.image ? rest : null;
}
