// How categories look: a colour that colour-blind people tell apart and a kind of line; neither is needed alone.

// Okabe and Ito, in the order in which smearprep uses them everywhere; and what is drawn below the line so that it
// stands out on bright and on dark parts of an image.
const DARK = "rgb(20 20 20 / 0.65)";
const BRIGHT = "rgb(255 255 255 / 0.75)";
const COLOURS = [
  ["#009e73", BRIGHT],
  ["#e69f00", DARK],
  ["#0072b2", BRIGHT],
  ["#f0e442", DARK],
  ["#d55e00", BRIGHT],
  ["#56b4e9", DARK],
  ["#cc79a7", DARK],
  ["#000000", BRIGHT],
];
// Seven kinds of line and eight colours: 56 categories before one looks like another. Lengths in px of the screen.
const LINES = [[], [9, 5], [4, 4], [12, 4, 2, 4], [2, 5], [12, 3, 2, 3, 2, 3], [16, 6]];

/** {colour, under, dash} of the n-th category, counted from 0. */
export function lookOf(n) {
  const place = Math.max(0, n);
  const [colour, under] = COLOURS[place % COLOURS.length];
  return { colour, under, dash: LINES[place % LINES.length] };
}

/** Draws a piece of the n-th category's line into a canvas. */
export function drawSample(canvas, n) {
  const context = canvas.getContext("2d");
  const look = lookOf(n);
  const [width, height] = [canvas.width, canvas.height];
  context.fillStyle = "#e8d3de"; // as a stained smear
  context.fillRect(0, 0, width, height);
  for (const [colour, line, dash] of [[look.under, 10, []], [look.colour, 6, look.dash.map((part) => 2 * part)]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(0, height / 2);
    context.lineTo(width, height / 2);
    context.stroke();
  }
}
