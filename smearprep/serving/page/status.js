// The line that says whether everything is saved, and the one that says what happened.

import { byId } from "./elements.js";
import { TEXTS } from "./texts.js";

const MARKS = { saved: "✓", saving: "…" }; // of all other states: !

/** Shows the state of the outbox, and whether the server was silent when it was last asked. */
export class Status {
  #outbox;
  #isAway = false;

  constructor(store) {
    this.#outbox = store.outbox;
    byId("status-text").textContent = TEXTS.status.loading;
    this.#outbox.addEventListener("change", () => this.show());
    store.addEventListener("say", (event) => (byId("said").textContent = event.detail));
    window.addEventListener("beforeunload", (event) => this.#outbox.waiting() && event.preventDefault());
  }

  /** Says whether the server answered when it was asked for changes. */
  setAway(isAway) {
    this.#isAway = isAway;
    this.show();
  }

  show() {
    const count = this.#outbox.waiting();
    const state = this.#state(count);
    byId("status").dataset.state = state;
    byId("status").dataset.waiting = count;
    byId("status-mark").textContent = MARKS[state] ?? "!";
    const words = TEXTS.status[state];
    const told = typeof words === "function" ? words(count, this.#outbox.why) : words;
    if (byId("status-text").textContent !== told) byId("status-text").textContent = told;
  }

  #state(count) {
    if (count && !this.#outbox.stored) return "unstored";
    if (["full", "link", "conflict"].includes(this.#outbox.state)) return this.#outbox.state;
    if (this.#outbox.state === "away" || this.#isAway) return "away";
    return count ? "saving" : "saved";
  }
}
