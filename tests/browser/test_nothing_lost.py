"""Two windows, a server that is killed, a link that is old: no edit is lost, none overwritten in silence."""

import pytest

from tests.browser.seat import stored
from tests.browser.small_set import DRAWN, FULL, MADE, TILE
from tests.serving.processes import serving


def draw_triangle(seat, x=220):
    seat.press("g")
    for point in ((x, 60), (x + 80, 60), (x + 40, 140)):
        seat.click(*point)
    seat.press("c", "Escape")


def two_seats(seat):
    """The pages of two windows on the tile."""
    seat.open(TILE)
    first = seat.page
    seat.sit()
    seat.sees('#stage[data-key][data-drawn="yes"]')
    seat.open(TILE)
    return first, seat.page


def test_a_second_window_sees_what_the_first_one_does(seat):
    first, second = two_seats(seat)
    seat.page = first
    draw_triangle(seat)
    seat.rests(revision=1)
    seat.page = second
    seat.sees('#stage[data-cells="3"][data-revision="1"]')
    seat.shows("said", "changed in another window")
    draw_triangle(seat, 320)
    seat.rests(revision=2)
    seat.page = first
    seat.sees('#stage[data-cells="4"][data-revision="2"]')


@pytest.mark.parametrize("choice", ["keep", "again"])
def test_an_edit_of_an_old_state_is_refused_and_shown(seat, choice):
    """The second window does not hear of the first one's edits before it sends its own."""
    seat.may_fail = True
    first, second = two_seats(seat)
    for address in ("**/api/changes*", "**/api/edit"):
        second.route(address, lambda route: route.abort())
    seat.page = first
    seat.click(*DRAWN)
    seat.press("Delete")
    seat.click(*MADE)
    seat.press("Shift+ArrowDown")
    seat.rests(revision=2)
    (theirs,) = seat.cells(TILE).values()
    seat.page = second
    draw_triangle(seat)
    seat.click(*MADE)
    seat.press("1")
    seat.sees('#status[data-waiting="2"]')
    second.unroute("**/api/edit")
    seat.sees("#conflict[open]")
    assert seat.page.locator("#conflict-edits li").all_text_contents() == ["RBC drawn", "WBC changed to RBC"]
    assert seat.cells(TILE) == {theirs["id"]: theirs}  # nothing was overwritten
    assert seat.of_stage("cells") == "1"  # and the present state is shown
    second.unroute("**/api/changes*")
    seat.page.locator(f"#conflict-{choice}").click()
    seat.sees(f'#stage[data-cells="{1 if choice == "keep" else 2}"]')
    seat.rests(revision=2 if choice == "keep" else 3)
    assert not stored(second)
    now = seat.cells(TILE)
    assert now.pop(theirs["id"]) == theirs  # what the first one did to this cell stays
    assert [cell["category"] for cell in now.values()] == ([] if choice == "keep" else ["RBC"])


def test_edits_wait_for_a_server_that_was_killed(seat, folder):
    seat.may_fail = True
    seat.open(TILE)
    draw_triangle(seat)
    seat.rests(revision=1)
    before = seat.cells(TILE)
    seat.server.child.kill()
    seat.server.child.wait()
    draw_triangle(seat, 320)
    seat.click(*MADE)
    seat.press("1")
    seat.sees('#status[data-state="away"][data-waiting="2"]')
    assert [item["title"] for item in stored(seat.page)] == ["RBC drawn", "WBC changed to RBC"]
    with serving(folder, "--port", str(seat.server.port)) as again:
        seat.sees("#link[open]")  # a new server has a new key
        seat.server = again
        assert seat.cells(TILE) == before  # all that was answered is there
        seat.page.locator("#link-field").fill("http://127.0.0.1/#nothing")
        seat.press("Enter")
        seat.shows("link-wrong", "not such a link")
        seat.page.locator("#link-field").fill(seat.link)
        seat.press("Enter")
        seat.sees('#stage[data-cells="4"][data-revision="3"]')
        seat.rests()
        added = seat.new_cell(TILE, before)
        assert added["category"] == "RBC" and len(added["parts"][0]["outer"]) == 3
        assert {cell["category"] for id_, cell in seat.cells(TILE).items() if id_ in before} == {"RBC", "WBC"}
        seat.check()


def test_edits_that_wait_survive_a_reload(seat):
    seat.may_fail = True
    seat.open(TILE)
    seat.page.route("**/api/edit", lambda route: route.abort())
    draw_triangle(seat)
    draw_triangle(seat, 320)
    seat.sees('#status[data-state="away"][data-waiting="2"]')
    seat.page.on("dialog", lambda dialog: dialog.accept())  # "leave?"
    seat.page.unroute("**/api/edit")
    seat.page.reload()
    seat.sees('#stage[data-cells="4"][data-revision="2"]')
    seat.rests()
    assert len(seat.cells(TILE)) == 4


def test_an_answer_that_is_lost_does_not_double_an_edit(seat):
    seat.may_fail = True
    seat.open(TILE)
    lost = []

    def lose(route):
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            route.abort()

    seat.page.route("**/api/edit", lose)
    draw_triangle(seat)
    seat.rests(revision=1)
    assert lost[0].status == 200
    assert len(seat.cells(TILE)) == 3 == int(seat.of_stage("cells"))


def test_a_disk_that_is_full_and_an_edit_that_is_impossible(seat):
    seat.may_fail = True
    seat.open(TILE)
    full = {"status": 507, "json": {"error": "the disk is full"}}
    seat.page.route("**/api/edit", lambda route: route.fulfill(**full))
    draw_triangle(seat)
    seat.sees('#status[data-state="full"][data-waiting="1"]')
    seat.shows("status-text", "the disk is full")
    seat.page.unroute("**/api/edit")
    seat.rests(revision=1)
    seat.press("g")
    seat.page.route("**/api/edit", lambda route: route.fulfill(status=422, json={"error": "that is no cell"}))
    draw_triangle(seat, 320)
    seat.shows("said", "was not done: that is no cell")
    seat.sees('#stage[data-cells="3"]')
    seat.page.unroute("**/api/edit")
    seat.rests(revision=1)


def test_without_the_key_nothing_is_shown(seat):
    seat.may_fail = True
    seat.open(FULL)
    seat.sit(seat.link.partition("#")[0])
    seat.sees("#link[open]")
    assert seat.page.locator("#images li").count() == 0
    seat.page.goto(seat.link)  # the same address but for what stands behind #
    seat.sees('#stage[data-key][data-drawn="yes"]')
    assert seat.page.evaluate("location.hash") == ""
    assert not seat.page.context.cookies()
