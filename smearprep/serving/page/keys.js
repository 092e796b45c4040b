// Which key does what. The list of keys in the help is made from this table.

const OF_PICTURE = ["Enter", "Backspace", "Delete", "Escape", "Insert", "Space"];

/** [group, command, keys]: commands as in commands.js; a key as `nameOf` tells it. */
export const BINDINGS = [
  ["review", "accept", ["A"]],
  ["review", "acceptAll", ["Shift+A"]],
  ["review", "nextUnreviewed", ["J"]],
  ["review", "previousUnreviewed", ["K"]],
  ["review", "nextCell", ["Shift+J"]],
  ["review", "previousCell", ["Shift+K"]],
  ["review", "category", ["1", "2", "3", "4", "5", "6", "7", "8", "9"]],
  ["review", "done", ["Enter"]],
  ["review", "flag", ["F"]],
  ["review", "undo", ["Ctrl+Z"]],
  ["review", "redo", ["Ctrl+Y", "Ctrl+Shift+Z"]],
  ["draw", "select", ["S"]],
  ["draw", "polygon", ["G"]],
  ["draw", "freehand", ["D"]],
  ["draw", "box", ["B"]],
  ["draw", "outline", ["O"]],
  ["draw", "outlineAll", ["Shift+O"]],
  ["draw", "remove", ["Delete", "Backspace"]],
  ["draw", "nextVertex", ["."]],
  ["draw", "previousVertex", [","]],
  ["draw", "insert", ["I", "Insert"]],
  ["draw", "cancel", ["Escape"]],
  ["see", "zoomIn", ["+", "="]],
  ["see", "zoomOut", ["-"]],
  ["see", "fit", ["0"]],
  ["see", "hide", ["H"]],
  ["go", "next", ["N", "PageDown"]],
  ["go", "previous", ["P", "PageUp"]],
  ["go", "help", ["?"]],
];

/** Keys that are no commands of their own, for the help: [group, text in TEXTS.helpKeys, keys]. */
export const FURTHER = [
  ["draw", "nudge", ["← → ↑ ↓"]],
  ["draw", "point", ["Enter"]],
  ["draw", "close", ["C"]],
  ["draw", "back", ["Backspace"]],
  ["see", "pan", ["Ctrl+← → ↑ ↓"]],
];

const SIGNS_OFF = "smearprep: signs alone do nothing"; // in the browser's memory

/** Whether letters, digits and signs alone do something. */
export const areSignsUsed = () => !localStorage.getItem(SIGNS_OFF);

/** Has them do something, or nothing: words that speech input types are else taken for commands. */
export function useSigns(isWanted) {
  if (isWanted) localStorage.removeItem(SIGNS_OFF);
  else localStorage.setItem(SIGNS_OFF, "1");
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const COMMANDS = new Map(BINDINGS.flatMap(([, command, keys]) => keys.map((key) => [key, command])));

/** The keys of a command, in words; "" if it has none. */
export function keysOf(command) {
  return BINDINGS.find(([, name]) => name === command)?.[2].join(", ") ?? "";
}

/** A key with what is held beside it: "A", "Shift+A", "Ctrl+Shift+Z", "PageDown", "+". Null with Alt.
 *  On keyboards of other scripts a key counts as the Latin one in its place. */
export function nameOf(event) {
  if (event.altKey) return null;
  const isLatin = /^[\x20-\x7e]$/.test(event.key);
  const isSign = event.key.length === 1;
  const letter = isSign && !isLatin ? event.code.replace(/^(Key|Digit)/, "") : event.key;
  const key = letter === " " ? "Space" : letter.length === 1 ? letter.toUpperCase() : letter;
  const hasShift = event.shiftKey && (key.length > 1 || /[A-Z]/.test(key));
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${hasShift ? "Shift+" : ""}${key}`;
}

/** Has keys do their work. Args: the stage's element; `tool()` tells the tool in hand; `run(command, argument)`;
 *  `arrow([dx, dy], event)`; `space(isHeld)`; `letGo()`, when an arrow is no longer held. */
export function listen(stage, { tool, run, arrow, space, letGo }) {
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]") || isTyping(event.target)) return;
    if (act(event)) event.preventDefault();
  });
  window.addEventListener("keyup", (event) => {
    if (event.key === " ") space(false);
    if (event.key in ARROWS) letGo();
  });
  window.addEventListener("blur", () => {
    space(false);
    letGo();
  });

  function act(event) {
    const name = nameOf(event);
    const isOnPicture = event.target === stage || event.target === document.body;
    if (!name || (!isOnPicture && isForControls(event.key, name))) return false;
    if (event.key.length === 1 && name !== "Space" && !name.startsWith("Ctrl+") && !areSignsUsed()) return false;
    if (name === "Space") space(true);
    else if (tool().key(name.replace("Shift+", ""), event)) return true;
    else if (ARROWS[event.key]) arrow(ARROWS[event.key], event);
    else if (COMMANDS.has(name)) run(COMMANDS.get(name), name);
    else return false;
    return true;
  }
}

function isTyping({ tagName, type }) {
  return tagName === "TEXTAREA" || tagName === "SELECT" || (tagName === "INPUT" && type !== "range");
}

/** Keys by which buttons, lists and sliders are used. */
function isForControls(key, name) {
  return OF_PICTURE.includes(name) || key in ARROWS || key.startsWith("Page") || ["Home", "End"].includes(key);
}
