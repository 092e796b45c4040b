// Making elements. Text is only ever set as text.

import { TEXTS } from "./texts.js";

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** A new element with properties, attributes (what has a hyphen, and role) and children (elements or texts). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Fills in the texts that index.html names. */
export function fillTexts() {
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = TEXTS[element.dataset.text];
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", TEXTS[element.dataset.label]);
  }
}
