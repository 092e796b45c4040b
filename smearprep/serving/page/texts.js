// Every text of the page, in English. To translate the page, translate this file.

const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const cells = (n) => count(n, "cell", "cells");
const edits = (n) => count(n, "edit", "edits");

/** Texts of index.html, by its data-text and data-label; and all that is said while the page is used. */
export const TEXTS = {
  skip: "To the picture",
  progress: "Images that are done",
  progressText: (done, all) => `${done.toLocaleString("en")} of ${count(all, "image", "images")} done`,
  images: "Images",
  picture: "Picture with outlines",
  pictureHelp:
    "Press J and K to go through the cells that are not reviewed, A to accept one, Enter when the image is done, " +
    "and the question mark for all keys.",
  tools: "Tools",
  details: "Image, categories, cell",
  close: "Close",
  cancel: "Cancel",
  add: "Add",
  reset: "Reset",

  show: "Show",
  withCategory: "with",
  order: "Order",
  states: {
    all: "all images",
    open: "not done",
    unreviewed: "with cells not reviewed",
    flagged: "flagged",
  },
  anyCategory: "any category",
  orders: { set: "as in the set", score: "least certain first" },
  shownCount: (shown, all) =>
    shown === all ? count(all, "image", "images") : `${shown} of ${count(all, "image", "images")}`,
  row: ({ cells: n, unreviewed, reviewed, flagged, missing, score }) =>
    [
      missing ? "file is missing" : reviewed ? "done" : null,
      cells(n),
      unreviewed ? `${unreviewed.toLocaleString("en")} not reviewed` : null,
      score === null ? null : `from ${score.toFixed(2)}`,
      flagged ? "flagged" : null,
    ]
      .filter(Boolean)
      .join(" · "),

  commands: {
    select: "Select",
    polygon: "Polygon",
    freehand: "Freehand",
    box: "Box",
    undo: "Undo",
    redo: "Redo",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    fit: "Whole image",
    hide: "Hide outlines",
    previous: "Previous image",
    next: "Next image",
    done: "Done, next image",
    reopen: "Not done after all",
    flag: "Flag …",
    accept: "Accept",
    acceptAll: "Accept all",
    outline: "Make outline",
    outlineAll: "Make all outlines",
    remove: "Delete",
    help: "Keys",
    nextUnreviewed: "Next cell not reviewed",
    previousUnreviewed: "Previous cell not reviewed",
  },
  short: {
    undo: "↶",
    redo: "↷",
    zoomIn: "+",
    zoomOut: "−",
    fit: "Whole",
    hide: "Hide",
    previousUnreviewed: "‹ Cell",
    nextUnreviewed: "Cell ›",
    previous: "‹ Image",
    next: "Image ›",
  },
  hint: (name, keys) => (keys ? `${name} (${keys})` : name),
  hints: {
    undo: (title) => (title ? `Undo: ${title}` : "Nothing to undo"),
    redo: (title) => (title ? `Redo: ${title}` : "Nothing to redo"),
  },

  categories: "Categories",
  newCategory: "Name of a new category",
  noCategories: "There is no category yet: name the first one.",
  needCategory: "Name a category first, at the side: what is drawn needs one.",
  chosen: (name) => `${name} is what is drawn next.`,

  light: "Light",
  brightness: "Brightness",
  contrast: "Contrast",

  noImage: "No image is open",
  imageFacts: (width, height, n, unreviewed) =>
    `${width} × ${height} px, ${cells(n)}, ${unreviewed.toLocaleString("en")} not reviewed`,
  flagged: (note) => (note ? `Flagged: ${note}` : "Flagged"),
  noCell: "No cell selected",
  cell: (category) => `Cell: ${category}`,
  known: {
    drawn: "drawn by a person",
    made: "made by a program",
    component: "part of a mask; may be several cells",
    box: "only its box is known",
    point: "only its centre is known",
  },
  cellFacts: (cell, known) =>
    [
      known,
      cell.score === null || cell.score === undefined ? null : `certainty ${cell.score.toFixed(2)}`,
      cell.crowd ? "a crowd of cells" : null,
      cell.accepted ? "accepted" : null,
    ]
      .filter(Boolean)
      .join(", "),

  status: {
    loading: "Opening …",
    saved: "All edits are saved",
    saving: (n) => `Saving ${edits(n)} …`,
    away: (n) =>
      n
        ? `The server does not answer. ${edits(n)} not saved yet: kept in this tab and sent when it is back`
        : "The server does not answer. All edits are saved",
    full: (n, why) => `${edits(n)} not saved yet, tried again every second: ${why}`,
    link: (n) => `This page needs a new link; ${edits(n)} not saved yet`,
    conflict: (n) => `${edits(n)} not saved: the image was changed elsewhere`,
    unstored: (n) => `${edits(n)} not saved yet, and too large to be kept: do not close this tab`,
  },

  titles: {
    polygon: (category) => `${category} drawn`,
    freehand: (category) => `${category} drawn freehand`,
    box: (category) => `Box of ${category} drawn`,
    outlined: (category) => `${category} outlined by the program`,
    outlinedAll: (n) => `${cells(n)} outlined`,
    moved: "Cell moved",
    vertexMoved: "Vertex moved",
    vertexAdded: "Vertex added",
    vertexRemoved: "Vertex deleted",
    removed: (category) => `${category} deleted`,
    category: (from, to) => `${from} changed to ${to}`,
    accepted: (n) => `${cells(n)} accepted`,
    done: "Image done",
    reopened: "Image not done after all",
    flagged: "Image flagged",
    unflagged: "Flag taken off",
  },

  said: {
    opened: (name, n, unreviewed) => `${name}: ${cells(n)}, ${unreviewed.toLocaleString("en")} not reviewed.`,
    cell: (place, all, category, facts) => `Cell ${place} of ${all}: ${category}, ${facts}.`,
    noCells: "There is no cell in this image.",
    noneUnreviewed: "Every cell of this image is reviewed.",
    stillUnreviewed: (n) =>
      `${cells(n)} not reviewed yet: J goes there, Shift+A accepts all. Once more Enter: done as it is.`,
    nothingToAccept: "There is nothing to accept: every cell is reviewed.",
    selectFirst: "Select a cell first.",
    chooseVertex: "Choose a vertex first: comma and full stop go from one to the next.",
    alreadyOutlined: "This cell has an outline already.",
    noBoxes: "No cell of this image lacks an outline.",
    makingOutline: "Looking for the outline …",
    makingOutlines: (done, all) => `Looking for outlines: ${done} of ${cells(all)} …`,
    noOutline: (why) => `${why[0].toUpperCase()}${why.slice(1)}. The box is kept.`,
    someOutlines: (made, all, why) => `${made} of ${cells(all)} outlined. ${why}`.trim(),
    tooSmall: "That is too small for a cell: nothing was drawn.",
    threeVertices: "An outline needs three vertices.",
    boxCorners: "A box has four corners: press O for an outline.",
    vertex: (index, all) => `Vertex ${index} of ${all}.`,
    lastImage: "This is the last image that is shown.",
    firstImage: "This is the first image that is shown.",
    undone: (title) => `Undone: ${title}`,
    redone: (title) => `Done again: ${title}`,
    changedElsewhere: "This image was changed in another window; this is its present state.",
    away: "The server does not answer.",
    dropped: "The cell was changed in another window while you changed it: it is shown as it is now.",
    waitForServer: "The server does not answer: first the edits of this image must be saved.",
    notDone: (what, why) => `“${what}” was not done: ${why}`,
    cursor: "Arrows move the cross, Enter sets a point, Escape cancels.",
    closeShape: "Enter on the first point, or C, closes the outline.",
    brokenPage: (what) => `This is a fault of smearprep: ${what}. Please report it, and load the page again.`,
  },

  flagTitle: "Flag this image",
  flagNote: "Note, for example what is in doubt",
  flagSave: "Flag",
  flagRemove: "Take the flag off",

  conflictTitle: "This image was changed elsewhere",
  conflictWhat: (name) =>
    `${name} was changed in another window before these edits arrived. They are not saved, and nothing was ` +
    "overwritten:",
  conflictNow: (n) =>
    `Behind this message is the image as it is now, with ${cells(n)}. If you do your edits on it, cells that were ` +
    "changed elsewhere stay as they are now.",
  conflictKeep: "Leave the image as it is now",
  conflictAgain: "Do my edits on it",

  linkTitle: "A new link is needed",
  linkWhat:
    "The server was started again, or the link is not whole. Copy the link that it prints in the terminal. " +
    "Edits that are not saved yet are kept and sent then.",
  linkField: "Link from the terminal",
  linkUse: "Use it",
  linkWrong: "This is not such a link: it ends with #token= and a long word.",

  helpTitle: "Keys",
  helpSigns: "Letters, digits and signs do something without Ctrl (off: not, as speech input may need it)",
  helpLegend:
    "A white dot on an outline: nobody has reviewed it yet. Each category has a colour and a kind of line. " +
    "Mouse: the wheel zooms; dragging beside the selected cell moves the picture, as does dragging with the " +
    "middle or right button, or with Space held. Drag a selected cell or its vertices; drag an edge to add a " +
    "vertex; double-click a vertex to delete it.",
  helpGroups: {
    review: "Review",
    draw: "Draw and change",
    see: "See",
    go: "Images",
  },
  helpKeys: {
    accept: "accept the selected cell, go to the next",
    acceptAll: "accept all cells of the image",
    nextUnreviewed: "next cell that is not reviewed, the least certain first",
    previousUnreviewed: "previous cell that is not reviewed",
    nextCell: "next cell of all",
    previousCell: "previous cell of all",
    category: "category of what is drawn next; with Select, of the selected cell too",
    done: "image is done: every cell is in it; next image",
    flag: "flag the image, with a note",
    undo: "undo, as far back as you like",
    redo: "do again",
    select: "select and edit",
    polygon: "draw a polygon, point by point",
    freehand: "draw freehand",
    box: "draw a box: the outline is made at once",
    outline: "make the outline of the selected box",
    outlineAll: "make the outlines of all boxes of the image",
    nudge: "move the selected cell or vertex by 1 px (with Shift 10 px); while drawing, the cross",
    nextVertex: "next vertex of the selected cell",
    previousVertex: "previous vertex",
    insert: "add a vertex after the chosen one",
    remove: "delete the chosen vertex, else the selected cell",
    point: "while drawing by keys: set a point; on the first point: close",
    close: "close the polygon",
    back: "take the last point back",
    cancel: "cancel; no vertex, no cell selected",
    zoomIn: "zoom in",
    zoomOut: "zoom out",
    fit: "whole image",
    pan: "move the picture (arrows alone if no cell is selected)",
    hide: "hide or show the outlines",
    next: "next image",
    previous: "previous image",
    help: "this list",
  },
};
