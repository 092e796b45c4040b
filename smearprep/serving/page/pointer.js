// Mouse, pen, fingers and trackpad over the picture: what moves the view is done here, the rest goes to the tool.

const SLACK = 4; // px of the page that a click may move
const WHEEL = 0.0015; // zoom a px of the wheel
const PINCH = 0.01; // zoom a px of a pinch on a trackpad
const LINE = 16; // px of a line, where the wheel counts lines

/** Args: the stage's element, the view, and `tool()`, which tells the tool in hand. */
export class Pointer {
  #stage;
  #view;
  #tool;
  #hold = null; // "tool", "press" (not yet known what it becomes), "pan" or "pinch"
  #last = [0, 0];
  #start = [0, 0];
  #fingers = new Map(); // pointer id -> px of the page
  #hasSpace = false;

  constructor(stage, view, tool) {
    [this.#stage, this.#view, this.#tool] = [stage, view, tool];
    const on = (kind, act) => stage.addEventListener(kind, act, { passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#end(event));
    on("dblclick", (event) => this.#double(event));
    on("wheel", (event) => this.#wheel(event));
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
  }

  /** Says whether Space is held: then dragging moves the view. */
  setSpace(isHeld) {
    this.#hasSpace = isHeld;
    this.#stage.classList.toggle("grab", isHeld);
  }

  #down(event) {
    event.preventDefault(); // no selection of text, no scrolling by the middle button
    this.#stage.focus({ preventScroll: true });
    this.#stage.setPointerCapture(event.pointerId);
    const place = this.#placeOf(event);
    this.#fingers.set(event.pointerId, place);
    if (this.#fingers.size === 2) this.#beginPinch();
    if (this.#fingers.size > 1) return;
    [this.#last, this.#start] = [place, place];
    if (event.button || this.#hasSpace) this.#setHold("pan");
    else this.#setHold(this.#tool().down(this.#view.toImage(...place), event) ? "tool" : "press");
  }

  /** A second finger: what the first one began is dropped. */
  #beginPinch() {
    this.#tool().cancel();
    this.#setHold("pinch");
  }

  #setHold(hold) {
    this.#hold = hold;
    this.#stage.classList.toggle("grabbing", hold === "pan");
  }

  #move(event) {
    if (this.#hold === "pinch") return this.#pinch(event);
    const place = this.#placeOf(event);
    if (this.#hold === "press" && distance(place, this.#start) > SLACK) this.#setHold("pan");
    if (this.#hold === "press") return;
    if (this.#hold === "pan") {
      this.#view.pan(place[0] - this.#last[0], place[1] - this.#last[1]);
      this.#last = place;
    } else for (const part of partsOf(event)) this.#tool().move(this.#view.toImage(...this.#placeOf(part)), event);
  }

  #pinch(event) {
    if (!this.#fingers.has(event.pointerId)) return;
    const before = [...this.#fingers.values()];
    this.#fingers.set(event.pointerId, this.#placeOf(event));
    const [a, b] = [...this.#fingers.values()];
    const [from, to] = [middle(...before), middle(a, b)];
    this.#view.pan(to[0] - from[0], to[1] - from[1]);
    this.#view.zoomBy(distance(a, b) / Math.max(1, distance(before[0], before[1])), to);
  }

  #up(event) {
    const point = this.#view.toImage(...this.#placeOf(event));
    const hold = this.#hold;
    this.#end(event);
    if (hold === "tool") this.#tool().up(point);
    else if (hold === "press") this.#tool().click(point);
  }

  #end(event) {
    if (event.type === "pointercancel" && this.#hold === "tool") this.#tool().cancel();
    this.#fingers.delete(event.pointerId);
    if (this.#hold !== "pinch" || !this.#fingers.size) this.#setHold(null);
  }

  #double(event) {
    if (!event.button) this.#tool().double(this.#view.toImage(...this.#placeOf(event)));
  }

  /** The wheel zooms; so does a pinch, which comes as a wheel with Ctrl. Sideways it moves the view. */
  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey) this.#view.pan(-(dx || dy), 0);
    else if (Math.abs(dx) > Math.abs(dy)) this.#view.pan(-dx, 0);
    else this.#view.zoomBy(Math.exp(-dy * (event.ctrlKey ? PINCH : WHEEL)), this.#placeOf(event));
  }

  #placeOf({ clientX, clientY }) {
    const { left, top } = this.#stage.getBoundingClientRect();
    return [clientX - left - this.#stage.clientLeft, clientY - top - this.#stage.clientTop];
  }
}

/** All the places of a movement that the browser has put together into one event. */
function partsOf(event) {
  const parts = event.getCoalescedEvents?.() ?? [];
  return parts.length ? parts : [event];
}

function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

function middle(a, b) {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}
