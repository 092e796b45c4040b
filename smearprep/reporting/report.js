"use strict";
// Tables are sorted by their head, with the mouse or the keyboard. Without this script all else works.
for (const head of document.querySelectorAll("thead th")) {
  // The button holds no words: in print, what is in a button is not repeated on the next page.
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `sort by ${head.textContent.trim()}`);
  head.append(button);
  head.addEventListener("click", () => {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = ({ dataset, textContent }) => (dataset.v === undefined ? textContent.trim() : Number(dataset.v));
    const rows = [...body.rows].map((row) => [key(row.cells[head.cellIndex]), row]);
    const sign = ascending ? 1 : -1;
    rows.sort(([a], [b]) => {
      // In a column of numbers, what is not known comes last either way.
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
    });
    body.append(...rows.map((pair) => pair[1]));
  });
}
