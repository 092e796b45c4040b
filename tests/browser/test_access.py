"""The page by keyboard alone, on a narrow screen, on a fine one; and what is under an outline."""

import cv2
import numpy as np

from smearprep.images import read
from tests.browser.small_set import DRAWN, RADIUS, TILE

ORANGE = (230, 159, 0)  # of the second


def screenshot(seat):
    """The window as (H, W, 3) uint8 RGB."""
    data = np.frombuffer(seat.page.screenshot(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def nearest(picture, place, colour, within=5):
    """The distance from a place (x, y), in px, to a pixel of a colour; `within` if there is none so near."""
    ys, xs = np.nonzero((np.abs(picture.astype(int) - colour) < 30).all(axis=2))
    return min([within, *np.hypot(xs + 0.5 - place[0], ys + 0.5 - place[1])])


def focused(seat):
    return seat.page.evaluate("document.activeElement.id || document.activeElement.tagName")


def test_everything_by_keyboard(seat):
    page = seat.page
    page.locator("#filter-state").focus()
    for _ in range(3):
        seat.press("Tab")
    seat.press("Home", "ArrowDown", "ArrowDown", "Enter")  # from the filters into the list
    seat.sees(f'#stage[data-key="{TILE}"][data-drawn="yes"]')
    page.locator(".skip").focus()
    seat.press("Enter", "Escape")
    assert focused(seat) == "stage"
    before = seat.cells(TILE)
    seat.press(
        "2", "g", "Shift+ArrowRight", "Enter", "Shift+ArrowDown", "Enter", "Shift+ArrowLeft", "Enter", "c"
    )
    seat.rests(revision=1)
    cell = seat.new_cell(TILE, before)
    assert cell["category"] == "WBC" and len(cell["parts"][0]["outer"]) == 3
    seat.press("Escape", "Escape", ".", ".", "Shift+ArrowDown")
    seat.rests(revision=2)
    moved = seat.cells(TILE)[cell["id"]]["parts"][0]["outer"]
    assert sum(point not in moved for point in cell["parts"][0]["outer"]) == 1  # one vertex
    seat.press("i")
    seat.rests(revision=3)
    seat.press("Delete", "1", "Escape", "j", "a", "b")
    seat.press("ArrowRight", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Enter")
    seat.sees('#stage[data-cells="4"]')
    seat.press("Escape", "Escape", "Escape", "+", "+", "-", "0", "h", "h", "?")
    seat.sees("#help[open]")
    seat.press("Escape", "Shift+A", "f")
    page.keyboard.insert_text("by hand")
    seat.press("Control+Enter", "Enter")
    seat.sees('#stage[data-cells="4"]')
    seat.shows("said", "last image")
    seat.rests()
    image = seat.image(TILE)
    assert image["reviewed"] and image["flagged"] and image["note"] == "by hand"
    assert seat.cells(TILE)[cell["id"]]["category"] == "RBC"


def test_letters_alone_can_be_switched_off(seat):
    page = seat.page
    seat.open(TILE)
    page.locator("#help-button").click()
    page.locator("#help-signs").uncheck()
    seat.press("Escape")
    page.locator("#stage").focus()
    seat.press("Shift+A", "h", "1", "?", "g", "Delete")
    assert page.locator("#help[open]").count() == 0
    page.reload()
    seat.sees(f'#stage[data-key="{TILE}"][data-drawn="yes"]')
    page.locator("#stage").focus()
    seat.press("Shift+A", "n", "Control+z")
    seat.sees(f'#stage[data-key="{TILE}"][data-revision="0"]')  # it stayed, and nothing was done
    page.locator("#help-button").click()
    page.locator("#help-signs").check()
    seat.press("Escape")
    page.locator("#stage").focus()
    seat.press("Shift+A")
    seat.rests(revision=1)


def test_the_tab_key_reaches_all_and_is_held_nowhere(seat):
    seen = []
    seat.page.locator(".skip").focus()
    for _ in range(60):
        seen.append(focused(seat))
        seat.press("Tab")
        if seat.page.evaluate("document.activeElement === document.body"):
            break
    wanted = {"help-button", "stage", "new-category", "add-category", "brightness", "light-reset"}
    assert wanted | {"filter-state", "filter-category", "filter-order", "LI"} <= set(seen)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    seat.page.locator("#filter-state").focus()
    assert seat.page.evaluate(outline) == "solid"
    unnamed = seat.page.evaluate(
        """[...document.querySelectorAll("button, input, select, textarea, [role=listbox], [role=toolbar]")]
        .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim()))
        .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


def test_a_narrow_window(seat):
    seat.page.set_viewport_size({"width": 400, "height": 800})
    seat.open(TILE)
    page = seat.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for button in page.locator("#tools button:visible, #panel button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 400
    page.locator("#stage").scroll_into_view_if_needed()
    seat.rests()
    before = seat.cells(TILE)
    page.locator('#tools [data-command="polygon"]').click()
    seat.rests()
    for point in ((220, 200), (320, 200), (270, 300), (220, 200)):
        seat.click(*point)
    seat.rests(revision=1)
    assert len(seat.new_cell(TILE, before)["parts"][0]["outer"]) == 3
    seat.press("?")
    seat.sees("#help[open]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_on_a_fine_screen_outline_and_px_are_where_they_belong(seat, folder):
    """Two px of the screen a px of the page; after zooming by the wheel and moving by the middle button."""
    page = seat.sit(device_scale_factor=2, viewport={"width": 1050, "height": 700})
    seat.sees('#stage[data-key][data-drawn="yes"]')
    seat.open(TILE)
    right, top = (DRAWN[0] + RADIUS, DRAWN[1]), (DRAWN[0], DRAWN[1] - RADIUS)
    for place in (right, top):
        assert nearest(screenshot(seat), [2 * v for v in seat.at(*place)], ORANGE) < 4
    anchor = [round(v) for v in seat.at(*right)]
    under = seat.under(*anchor)
    page.mouse.move(*anchor)
    for _ in range(12):
        page.mouse.wheel(0, -150)
    seat.rests()
    assert np.allclose(seat.at(*under), anchor, atol=0.01)  # what the wheel turned at stays where it is
    seat.drag(right, (right[0] - 5, right[1] + 3), button="middle")
    seat.rests()
    picture = screenshot(seat)
    assert nearest(picture, [2 * v for v in seat.at(*right)], ORANGE) < 4
    x, y = right[0] + 6, right[1] + 4  # a px of the tile, beside the outline
    column, row = (round(2 * v) for v in seat.at(x + 0.5, y + 0.5))
    pixels = read(folder / "images" / TILE, oriented=True)
    assert np.abs(picture[row, column].astype(int) - pixels[y, x]).max() <= 2
