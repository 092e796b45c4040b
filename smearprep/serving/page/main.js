// Puts the page together and begins.

import * as api from "./api.js";
import { Commands } from "./commands.js";
import { prepareConflict, prepareDialogs, prepareFlag, prepareLink, showHelp } from "./dialogs.js";
import { Box, Freehand, Polygon } from "./drawing.js";
import { byId, fillTexts } from "./elements.js";
import { Hand } from "./hand.js";
import { listen } from "./keys.js";
import { Layers } from "./layers.js";
import { ImageList } from "./list.js";
import { Panel } from "./panel.js";
import { Pointer } from "./pointer.js";
import { Selecting } from "./selecting.js";
import { Status } from "./status.js";
import { messageOf, Store } from "./store.js";
import { TEXTS } from "./texts.js";
import { View } from "./view.js";

const POLL = 2000; // ms
const ARROW = 60; // px of the page that an arrow moves the view

const stage = byId("stage");
const store = new Store();
const view = new View();
const hand = new Hand(stage);
const layers = new Layers(stage, store, view, (context) => hand.tool.paint(context));
const commands = new Commands({ store, view, layers, hand });
const run = (command, argument) => commands.run(command, argument);

fillTexts();
prepareDialogs();
prepareConflict(store);
const askForLink = prepareLink(begin);
const list = new ImageList(store);
const status = new Status(store);
new Panel(store, layers, hand, run);
commands.list = list;
commands.ask = { help: showHelp, flag: prepareFlag(store, (isFlagged, note) => commands.flagged(isFlagged, note)) };
hand.tools = {
  select: new Selecting(store, view, layers),
  polygon: new Polygon(store, view, layers, (ring) => commands.drawn(ring, TEXTS.titles.polygon)),
  freehand: new Freehand(store, view, layers, (ring) => commands.drawn(ring, TEXTS.titles.freehand)),
  box: new Box(store, view, layers, (ring) => commands.boxed(ring)),
};
hand.take("select");

const pointer = new Pointer(stage, view, () => hand.tool);
listen(stage, {
  tool: () => hand.tool,
  run,
  arrow,
  space: (isHeld) => pointer.setSpace(isHeld),
  letGo: () => hand.tool.commit(),
});

function arrow([dx, dy], { shiftKey, ctrlKey }) {
  const step = shiftKey ? 10 : 1;
  if (ctrlKey || !hand.tools.select.nudge(dx * step, dy * step)) view.pan(-dx * ARROW, -dy * ARROW);
}

store.addEventListener("opening", () => hand.tool.commit());
store.addEventListener("image", ({ detail }) => {
  stage.dataset.key = store.key;
  if (!detail.isOther) return;
  hand.tool.cancel(); // a polygon that is not closed belongs to the image before
  view.setImage(store.image.width, store.image.height);
  store.lookAhead(list.after(1));
});
for (const kind of ["cells", "renamed", "image", "selection"]) {
  store.addEventListener(kind, () => {
    stage.dataset.cells = store.cells.size;
    stage.dataset.selected = store.selected ?? "";
    stage.dataset.revision = store.image?.revision ?? "";
  });
}
store.outbox.addEventListener("change", () => store.outbox.state === "link" && askForLink());
store.outbox.addEventListener("answer", () => store.outbox.waiting() || poll()); // the list tells what was done
window.addEventListener("error", (event) => store.say(TEXTS.said.brokenPage(event.message)));
window.addEventListener("unhandledrejection", (event) => store.say(TEXTS.said.brokenPage(event.reason?.message)));
window.addEventListener("hashchange", begin);
window.addEventListener("focus", () => store.overview && poll());

/** Asks for changes; says whether the server answers. */
async function poll() {
  try {
    await store.poll();
    status.setAway(false);
    store.outbox.retry();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) askForLink();
    else if (error instanceof api.Away) status.setAway(true);
    else store.say(messageOf(error));
  }
}

/** Opens the set: at the start, and whenever a new link was given. */
async function begin() {
  if (!(await api.takeLink())) return askForLink();
  try {
    await store.load();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) return askForLink();
    return retryLater(error);
  }
  byId("link").close();
  status.show();
  store.outbox.resume();
  await store.outbox.settled();
  if (!store.image) await openFirst();
}

function retryLater(error) {
  status.setAway(error instanceof api.Away);
  store.say(messageOf(error));
  setTimeout(begin, POLL);
}

/** The image that was open before a reload, else the first one that is not done. */
async function openFirst() {
  const last = sessionStorage.getItem("smearprep image");
  const isThere = store.overview.images.some((row) => row.key === last);
  const key = isThere ? last : list.first();
  if (key) await store.open(key);
}

store.addEventListener("image", () => sessionStorage.setItem("smearprep image", store.key));
setInterval(() => store.overview && !document.hidden && poll(), POLL);
begin();
