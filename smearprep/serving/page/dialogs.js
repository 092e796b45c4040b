// The windows in the page: help, flag, conflict, new link.

import { linkIn, useLink } from "./api.js";
import { byId, make } from "./elements.js";
import { areSignsUsed, BINDINGS, FURTHER, useSigns } from "./keys.js";
import { TEXTS } from "./texts.js";

/** Has every dialog's close button close it. */
export function prepareDialogs() {
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  byId("help-body").append(...Object.entries(TEXTS.helpGroups).map(helpOf));
  const signs = byId("help-signs");
  signs.checked = areSignsUsed();
  signs.addEventListener("change", () => useSigns(signs.checked));
}

function helpOf([group, title]) {
  const rows = [...BINDINGS, ...FURTHER].filter(([of]) => of === group);
  const entries = rows.flatMap(([, name, keys]) => [
    make("dt", {}, ...keysOf(keys).flatMap((key, n) => [...(n ? [" "] : []), make("kbd", { textContent: key })])),
    make("dd", { textContent: TEXTS.helpKeys[name] }),
  ]);
  return make("section", {}, make("h3", { textContent: title }), make("dl", {}, ...entries));
}

function keysOf(keys) {
  return keys.length > 4 ? [`${keys[0]} – ${keys.at(-1)}`] : keys;
}

/** Shows the keys. */
export function showHelp() {
  byId("help").showModal();
}

/** Has the flag's dialog tell `save(isFlagged, note)`. Returns what opens it. */
export function prepareFlag(store, save) {
  const [dialog, note] = [byId("flag"), byId("flag-note")];
  const end = (isFlagged) => {
    dialog.close();
    save(isFlagged, isFlagged ? note.value.trim() : "");
  };
  byId("flag-save").addEventListener("click", () => end(true));
  byId("flag-remove").addEventListener("click", () => end(false));
  note.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) end(true);
  });
  return () => {
    note.value = store.image.note ?? "";
    byId("flag-remove").hidden = !store.image.flagged;
    dialog.showModal();
    note.focus();
  };
}

/** Has conflicts shown and decided. */
export function prepareConflict(store) {
  const dialog = byId("conflict");
  let shown = null;
  store.addEventListener("conflict", ({ detail }) => {
    shown = detail;
    byId("conflict-what").textContent = TEXTS.conflictWhat(detail.image.name);
    const titles = detail.items.map((item) => make("li", { textContent: item.title ?? TEXTS.commands[item.kind] }));
    byId("conflict-edits").replaceChildren(...titles);
    byId("conflict-now").textContent = TEXTS.conflictNow(detail.image.cells.length);
    dialog.showModal();
  });
  const end = (decide) => {
    dialog.close();
    decide(shown);
  };
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // one of the two it must be
  byId("conflict-keep").addEventListener("click", () => end((conflict) => store.keepTheirs(conflict)));
  byId("conflict-again").addEventListener("click", () => end((conflict) => store.doAgain(conflict)));
}

/** Returns what asks for a new link; `ready()` is called when there is one. */
export function prepareLink(ready) {
  const [dialog, field, wrong] = [byId("link"), byId("link-field"), byId("link-wrong")];
  const use = async () => {
    const link = linkIn(field.value);
    const isUsed = link !== null && (await useLink(link));
    wrong.textContent = isUsed ? "" : TEXTS.linkWrong;
    if (!isUsed) return;
    field.value = "";
    dialog.close();
    ready();
  };
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // nothing can be done without
  byId("link-use").addEventListener("click", use);
  field.addEventListener("keydown", (event) => event.key === "Enter" && use());
  return () => dialog.open || dialog.showModal();
}
