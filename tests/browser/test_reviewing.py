"""Reviewing: accept, relabel, delete, flag, filter; and words that look like HTML."""

from tests.browser.small_set import BOXES, DRAWN, FULL, MADE, TILE

HTML = '<img src=x onerror="document.title=1"><b>bold</b>'


def rows(seat):
    return [item.get_attribute("data-key") for item in seat.page.locator("#images li").all()]


def test_accepting_goes_from_the_least_certain_on_and_done_goes_to_the_next_image(seat):
    seat.open(FULL)
    cells = seat.cells(FULL)
    order = [str(cell["id"]) for cell in sorted(cells.values(), key=lambda cell: cell["score"])]
    seat.press("j")
    for id_, following in zip(order, [*order[1:], order[-1]], strict=True):
        seat.sees(f'#stage[data-selected="{id_}"]')
        seat.press("a")
        seat.sees(f'#stage[data-selected="{following}"]')
    seat.rests(revision=3)
    assert all(cell["accepted"] and cell["outline"] == "made" for cell in seat.cells(FULL).values())
    seat.press("Enter")
    seat.sees(f'#stage[data-key="{TILE}"]')
    assert seat.image(FULL)["reviewed"]
    seat.shows("progress-text", "1 of 3")
    seat.press("Enter")
    seat.shows("said", "1 cell not reviewed yet")
    assert not seat.image(TILE)["reviewed"]
    seat.press("Shift+A")
    seat.rests(revision=1)
    seat.press("Enter")
    seat.shows("said", "last image")
    seat.rests(revision=2)
    assert seat.image(TILE)["reviewed"]
    seat.press("Control+z")
    seat.rests(revision=3)
    assert not seat.image(TILE)["reviewed"]


def test_a_cell_gets_another_category_by_number_and_is_deleted(seat):
    seat.open(TILE)
    seat.click(*MADE)
    id_ = int(seat.of_stage("selected"))
    seat.press("1")
    seat.rests(revision=1)
    cell = seat.cells(TILE)[id_]
    assert (cell["category"], cell["outline"]) == ("RBC", "made")
    seat.press("Delete")
    seat.sees('#stage[data-cells="1"]')
    seat.rests(revision=2)
    assert id_ not in seat.cells(TILE)
    seat.press("Control+z")
    seat.rests(revision=3)
    assert seat.cells(TILE)[id_] == cell


def test_a_flag_with_a_note_is_text_whatever_it_says(seat):
    seat.open(TILE)
    seat.press("f")
    seat.page.keyboard.insert_text(HTML)
    seat.page.locator("#flag-save").click()
    seat.rests(revision=1)
    seat.shows("image-note", HTML)
    assert seat.image(TILE)["note"] == HTML
    seat.page.locator("#new-category").fill(HTML)
    seat.press("Enter")
    seat.page.locator("#categories button", has_text=HTML).wait_for()
    assert HTML in seat.overview()["categories"]
    assert seat.page.locator("main img, aside img, nav img, b").count() == 0
    seat.page.reload()
    seat.shows("image-note", HTML)
    assert "smearprep" in seat.page.title()
    seat.page.locator("#stage").focus()
    seat.press("f")
    seat.page.locator("#flag-remove").click()
    seat.sees('#stage[data-revision="2"]')
    assert not seat.image(TILE)["flagged"] and seat.image(TILE)["note"] == ""


def test_the_list_is_filtered_and_sorted(seat):
    assert rows(seat) == [BOXES, FULL, TILE]
    page = seat.page
    page.locator("#filter-order").select_option("score")
    assert rows(seat) == [FULL, TILE, BOXES]  # 0.4, 0.5, no score
    seat.open(FULL)
    seat.press("Shift+A")
    seat.rests(revision=1)
    seat.sees(f'#images li[data-key="{FULL}"]:not(.unreviewed)')
    assert rows(seat) == [FULL, TILE, BOXES]  # the open one stays until another one is opened
    seat.press("n")
    seat.sees(f'#stage[data-key="{TILE}"]')
    assert rows(seat) == [TILE, BOXES, FULL]
    page.locator("#filter-order").select_option("set")
    page.locator("#filter-category").select_option("RBC")
    assert rows(seat) == [BOXES, TILE]
    page.locator("#filter-category").select_option("")
    seat.open(FULL)
    page.locator("#filter-state").select_option("unreviewed")
    assert rows(seat) == [BOXES, FULL, TILE]
    seat.page.locator("#stage").focus()
    seat.press("n")
    seat.sees(f'#stage[data-key="{TILE}"]')
    assert rows(seat) == [BOXES, TILE]
    seat.shows("shown-count", "2 of 3")
    page.locator("#filter-state").select_option("flagged")
    assert rows(seat) == [TILE]


def test_the_light_changes_the_picture_alone(seat):
    seat.open(TILE)
    seat.page.locator("#contrast").fill("180")
    assert seat.page.locator("#pixels").evaluate("element => getComputedStyle(element).filter") == (
        "brightness(1) contrast(1.8)"
    )
    seat.page.locator("#light-reset").click()
    assert seat.page.locator("#pixels").evaluate("element => element.style.filter") == ""
    seat.click(*DRAWN)
    seat.sees('#stage:not([data-selected=""])')
