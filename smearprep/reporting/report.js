"use strict";
// Tables are sorted by their head, with the mouse or the keyboard. Without this script all else works.
for (const head of document.querySelectorAll("thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[head.cellIndex].dataset.v ?? row.cells[head.cellIndex].textContent.trim();
    const compare = (a, b) => a.localeCompare(b, "en", { numeric: true });
    const order = (a, b) => (isNaN(a) || isNaN(b) ? compare(a, b) : a - b);
    const rows = [...body.rows].map((row) => [key(row), row]);
    rows.sort((a, b) => (ascending ? 1 : -1) * order(a[0], b[0]));
    body.append(...rows.map((pair) => pair[1]));
  });
}
