"""Open a report in a real browser: screenshots, the printed page, and what must not happen.

Usage: python -m tests.browser.look_at_report REPORT.html OUT [--chromium /usr/bin/chromium]

Writes OUT/{wide,middle,narrow}-{light,dark}.png and OUT/print.pdf, sorts every table, and
exits with 1 if the page wrote an error to the console, asked for anything but itself, was wider than its
window, or did not sort. Needs `pip install playwright` and a Chromium; run by name only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.chromium import QUIET

WIDTHS = {"wide": 1280, "middle": 768, "narrow": 400}


def main() -> int:
    """Print each fault; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        context = playwright.chromium.launch_persistent_context(
            folder, executable_path=given.chromium, args=list(QUIET), headless=True
        )
        faults = look(context, given.report.resolve().as_uri(), given.out)
        context.close()
    print("\n".join(faults) or "no console error, no foreign request")
    return 1 if faults else 0


def look(context: BrowserContext, url: str, out: Path) -> list[str]:
    """Screenshots at every width in light and dark, the printed page, and the faults found on the way."""
    faults: list[str] = []
    page = context.new_page()
    page.on(
        "console", lambda m: faults.append(f"console: {m.text}") if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", lambda r: faults.append(f"request: {r.url[:90]}") if is_foreign(r.url, url) else None)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(url)
            page.screenshot(path=out / f"{name}-{scheme}.png", full_page=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                faults.append(f"{name}: the page is {wide} px wide in a window of {width} px")
    page.pdf(path=out / "print.pdf", format="A4", print_background=False)
    return faults + sort_all(page)


def is_foreign(requested: str, url: str) -> bool:
    """True for a request that is neither the page nor an image within it."""
    return requested.partition("#")[0] != url and not requested.startswith("data:")


def sort_all(page: Page) -> list[str]:
    """Press every column's head, twice, and see whether the column is in order; one of them by keyboard."""
    faults: list[str] = list(
        page.evaluate(
            """() => {
              const faults = [];
              document.querySelectorAll("details").forEach((part) => { part.open = true; });
              for (const head of document.querySelectorAll("thead th")) {
                const values = () => [...head.closest("table").tBodies[0].rows].map((row) => {
                  const cell = row.cells[head.cellIndex];
                  return Number(cell.dataset.v ?? NaN);
                });
                for (const [state, sign] of [["ascending", 1], ["descending", -1]]) {
                  head.querySelector("button").click();
                  if (head.getAttribute("aria-sort") !== state) faults.push("no sort: " + head.innerText);
                  const now = values();
                  // Of a column of numbers, what is not known comes last either way.
                  if (now.some((value, n) => n && !isNaN(value) && !(sign * (value - now[n - 1]) >= 0))) {
                    faults.push("not sorted: " + head.innerText);
                  }
                }
              }
              return faults;
            }"""
        )
    )
    head = page.locator("thead button").first
    head.focus()
    page.keyboard.press("Enter")
    if head.locator("..").get_attribute("aria-sort") != "ascending":
        faults.append("the keyboard does not sort")
    return faults


if __name__ == "__main__":
    sys.exit(main())
