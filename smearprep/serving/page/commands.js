// What a user can do, by key or by button. Each command is a function without arguments, but for `category`.

import * as api from "./api.js";
import { boundsOfCell, boxCell, drawnCell, isShapeless, isUnreviewed } from "./cells.js";
import { messageOf } from "./store.js";
import { TEXTS } from "./texts.js";

const ZOOM = 1.3;

/** Args: the store, the view, the layers, the hand; set later: `list`, of which `after(step)` is asked, and `ask`
 *  {help(), flag()}, which opens dialogs. */
export class Commands {
  #warned = null; // the image whose cells that are not reviewed were told already

  constructor({ store, view, layers, hand }) {
    Object.assign(this, { store, view, layers, hand });
  }

  /** Runs a command, once what is half done is committed. */
  run(name, argument) {
    if (name !== "cancel") this.hand.tool.commit();
    if (!this.store.image && name !== "help") return;
    if (name !== "done") this.#warned = null;
    this[name](argument);
  }

  // ---------------------------------------------------------------- tools and sight

  select() {
    this.hand.take("select");
  }

  polygon() {
    this.#draw("polygon");
  }

  freehand() {
    this.#draw("freehand");
  }

  box() {
    this.#draw("box");
  }

  #draw(tool) {
    if (this.store.category === null) this.store.say(TEXTS.needCategory);
    else this.hand.take(tool);
  }

  zoomIn() {
    this.view.zoomBy(ZOOM);
  }

  zoomOut() {
    this.view.zoomBy(1 / ZOOM);
  }

  fit() {
    this.view.fit();
  }

  hide() {
    this.layers.hidden = !this.layers.hidden;
    this.layers.redraw("outlines");
    this.hand.changed();
  }

  cancel() {
    if (this.hand.tool.cancel()) return;
    if (this.hand.tool !== this.hand.tools.select) this.select();
    else this.store.select(null);
  }

  help() {
    this.ask.help();
  }

  // ---------------------------------------------------------------- cells

  nextUnreviewed() {
    this.#goTo(this.#from(this.store.unreviewed(), 1), TEXTS.said.noneUnreviewed);
  }

  previousUnreviewed() {
    this.#goTo(this.#from(this.store.unreviewed(), -1), TEXTS.said.noneUnreviewed);
  }

  nextCell() {
    this.#goTo(this.#from(inReadingOrder(this.store.cells), 1), TEXTS.said.noCells);
  }

  previousCell() {
    this.#goTo(this.#from(inReadingOrder(this.store.cells), -1), TEXTS.said.noCells);
  }

  /** The cell `step` places from the selected one, round and round; the first if none of these is selected. */
  #from(cells, step) {
    const now = cells.indexOf(this.store.cell);
    if (now < 0) return cells.at(step > 0 ? 0 : -1);
    return cells[(now + step + cells.length) % cells.length];
  }

  #goTo(cell, otherwise) {
    if (!cell) return this.store.say(otherwise);
    this.view.show(boundsOfCell(cell));
    this.store.select(String(cell.id));
    const place = [...this.store.cells.keys()].indexOf(this.store.selected) + 1;
    const facts = TEXTS.cellFacts(cell, TEXTS.known[cell.outline]);
    this.store.say(TEXTS.said.cell(place, this.store.cells.size, cell.category, facts));
  }

  accept() {
    const cell = this.store.cell;
    if (!cell) return this.store.say(TEXTS.said.selectFirst);
    const next = this.#from(this.store.unreviewed(), 1);
    if (isUnreviewed(cell)) this.store.edit(TEXTS.titles.accepted(1), { [cell.id]: { ...cell, accepted: true } });
    this.#goTo(next === cell ? null : next, TEXTS.said.noneUnreviewed);
  }

  acceptAll() {
    const open = this.store.unreviewed();
    if (!open.length) return this.store.say(TEXTS.said.nothingToAccept);
    const cells = Object.fromEntries(open.map((cell) => [cell.id, { ...cell, accepted: true }]));
    this.store.edit(TEXTS.titles.accepted(open.length), cells);
    this.store.say(TEXTS.titles.accepted(open.length));
  }

  remove() {
    const cell = this.store.cell;
    if (!cell) return this.store.say(TEXTS.said.selectFirst);
    if (this.hand.tools.select.removeVertex()) return;
    this.store.edit(TEXTS.titles.removed(cell.category), { [cell.id]: null });
    this.store.say(TEXTS.titles.removed(cell.category));
  }

  /** The category with a number, counted from 1: of what is drawn next; with Select, of the selected cell too. */
  category(number) {
    const name = this.store.overview.categories[Number(number) - 1];
    if (name === undefined) return;
    this.store.choose(name);
    const cell = this.hand.tool === this.hand.tools.select ? this.store.cell : null;
    if (!cell) return this.store.say(TEXTS.chosen(name));
    if (cell.category === name) return;
    const title = TEXTS.titles.category(cell.category, name);
    this.store.edit(title, { [cell.id]: { ...cell, category: name } });
    this.store.say(title);
  }

  nextVertex() {
    this.hand.tools.select.stepVertex(1);
  }

  previousVertex() {
    this.hand.tools.select.stepVertex(-1);
  }

  insert() {
    this.hand.tools.select.insertVertex();
  }

  /** A ring that was drawn by the polygon or the freehand tool becomes a cell. */
  drawn(ring, title) {
    const cell = drawnCell(this.store.category, ring);
    this.store.edit(title(cell.category), { [cell.id]: cell });
    this.store.select(cell.id);
    this.store.say(title(cell.category));
  }

  // ---------------------------------------------------------------- outlines from boxes

  /** A box that was drawn is a cell at once, and gets its outline as soon as that is saved. */
  async boxed([[x0, y0], , [x1, y1]]) {
    const box = [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
    const cell = boxCell(this.store.category, box);
    const saved = this.store.edit(TEXTS.titles.box(cell.category), { [cell.id]: cell });
    this.store.select(cell.id);
    const answer = await saved;
    const kept = answer?.key === this.store.key && this.store.cells.get(String(answer.ids?.[cell.id]));
    if (kept && isUnreviewed(kept)) await this.#giveOutline(kept); // a box accepted meanwhile is what was wanted
  }

  /** The selected cell, of which only the box or the centre is known, gets an outline. */
  async outline() {
    const cell = this.store.cell;
    if (!cell) return this.store.say(TEXTS.said.selectFirst);
    if (!isShapeless(cell)) return this.store.say(TEXTS.said.alreadyOutlined);
    await this.#giveOutline(cell);
  }

  async #giveOutline(cell) {
    this.store.say(TEXTS.said.makingOutline);
    const key = this.store.key;
    const { made, why } = await this.#outlineOf(cell);
    if (!made) return this.store.say(TEXTS.said.noOutline(why));
    if (this.store.key !== key || !this.#isUnchanged(cell)) return;
    this.store.edit(TEXTS.titles.outlined(cell.category), { [cell.id]: made });
    this.store.say(TEXTS.titles.outlined(cell.category));
  }

  #isUnchanged(cell) {
    return this.store.cells.get(String(cell.id)) === cell;
  }

  /** All cells of which only the box or the centre is known get outlines, in one edit. */
  async outlineAll() {
    const key = this.store.key;
    const open = [...this.store.cells.values()].filter(isShapeless);
    if (!open.length) return this.store.say(TEXTS.said.noBoxes);
    const found = {};
    let reason = "";
    for (const [n, cell] of open.entries()) {
      this.store.say(TEXTS.said.makingOutlines(n, open.length));
      const { made, why } = await this.#outlineOf(cell);
      if (this.store.key !== key) return;
      if (made && this.#isUnchanged(cell)) found[cell.id] = made;
      else reason ||= why;
    }
    const count = Object.keys(found).length;
    if (count) this.store.edit(TEXTS.titles.outlinedAll(count), found);
    this.store.say(TEXTS.said.someOutlines(count, open.length, reason));
  }

  /** {made}: the cell with an outline, or null; {why} none was found. */
  async #outlineOf(cell) {
    const where = cell.point ? { point: cell.point } : { box: cell.box };
    try {
      const answer = await api.post("/api/outline", { key: this.store.key, category: cell.category, ...where });
      return { made: answer.cell && { ...answer.cell, id: cell.id }, why: answer.why };
    } catch (error) {
      return { made: null, why: messageOf(error) };
    }
  }

  // ---------------------------------------------------------------- the image

  undo() {
    this.store.undo();
  }

  redo() {
    this.store.redo();
  }

  next() {
    this.#openAfter(1, TEXTS.said.lastImage);
  }

  previous() {
    this.#openAfter(-1, TEXTS.said.firstImage);
  }

  async #openAfter(step, otherwise) {
    const key = this.list.after(step);
    if (key) await this.store.open(key);
    else this.store.say(otherwise);
  }

  /** The image is done: the next one. With cells that are not reviewed, only when said twice. */
  done() {
    const open = this.store.unreviewed().length;
    if (open && this.#warned !== this.store.key) {
      this.#warned = this.store.key;
      return this.store.say(TEXTS.said.stillUnreviewed(open));
    }
    if (!this.store.image.reviewed) this.store.edit(TEXTS.titles.done, {}, { reviewed: true });
    this.next();
  }

  reopen() {
    this.store.edit(TEXTS.titles.reopened, {}, { reviewed: false });
  }

  flag() {
    this.ask.flag();
  }

  /** Flags the image with a note, or takes the flag off. */
  flagged(isFlagged, note) {
    const { flagged, note: before } = this.store.image;
    if (flagged === isFlagged && before === note) return;
    const title = isFlagged ? TEXTS.titles.flagged : TEXTS.titles.unflagged;
    this.store.edit(title, {}, { flagged: isFlagged, note });
  }
}

/** Cells from top to bottom, left to right. */
function inReadingOrder(cells) {
  const place = new Map([...cells.values()].map((cell) => [cell, boundsOfCell(cell)]));
  return [...place.keys()].sort((a, b) => place.get(a)[1] - place.get(b)[1] || place.get(a)[0] - place.get(b)[0]);
}
