"""Someone at the page: what they see and do, in px of the image; and what server and files say to it."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import shapely

from tests.serving.processes import Process, serving
from tests.sets import call, coco_files

LIMIT_MS = 60_000
SHAPE_SLACK = 0.02  # px: coordinates in COCO files are rounded


@dataclass
class Seat:
    """A page of a served set."""

    browser: Any
    folder: Any
    server: Process
    page: Any = None
    pages: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    may_fail: bool = False
    """Whether requests may fail: the browser tells that on its console."""
    is_checked: bool = False

    # ------------------------------------------------------------ the page

    @property
    def link(self):
        return f"http://127.0.0.1:{self.server.port}/#token={self.server.token}"

    def sit(self, link=None, **how):
        """Open the page in a window of its own."""
        context = self.browser.new_context(**{"viewport": {"width": 1300, "height": 850}, **how})
        context.set_default_timeout(LIMIT_MS)
        self.page = context.new_page()
        self.pages.append(self.page)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)
        self.page.goto(link or self.link)
        return self.page

    def _heard(self, message):
        is_request = "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not (is_request and self.may_fail):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request):
        if not request.url.startswith((f"http://127.0.0.1:{self.server.port}/", "blob:")):
            self.faults.append(f"request: {request.url}")

    def open(self, key):
        """Open an image from the list."""
        self.page.locator(f'#images li[data-key="{key}"]').click()
        self.sees(f'#stage[data-key="{key}"][data-drawn="yes"]')
        self.page.locator("#stage").focus()

    def sees(self, selector):
        """Wait until there is such an element."""
        return self.page.wait_for_selector(selector, state="attached")

    def shows(self, place, words):
        """Wait until an element has words in it."""
        self.page.locator(f"#{place}", has_text=words).wait_for()

    def rests(self, revision=None):
        """Wait until all is saved, as that revision of the image, and drawn."""
        wanted = "" if revision is None else f'[data-revision="{revision}"]'
        self.sees('#status[data-state="saved"][data-waiting="0"]')
        self.sees(f'#stage{wanted}[data-drawn="yes"]')

    def of_stage(self, name):
        return self.page.locator("#stage").get_attribute(f"data-{name}")

    # ------------------------------------------------------------ hands

    def at(self, x, y):
        """Where a point of the image is in the window, px."""
        zoom, left, top = self._view()
        return left + zoom * x, top + zoom * y

    def under(self, left, top):
        """Which point of the image is at a place of the window."""
        zoom, x, y = self._view()
        return (left - x) / zoom, (top - y) / zoom

    def _view(self):
        """px of the window a px of the image; where the image's corner is."""
        zoom, x, y = map(float, self.of_stage("view").split())
        box = self.page.locator("#stage").bounding_box()
        return zoom, box["x"] + x, box["y"] + y

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, x, y, **how):
        self.page.mouse.click(*self.at(x, y), **how)

    def double_click(self, x, y):
        self.page.mouse.dblclick(*self.at(x, y))

    def drag(self, *points, button="left"):
        """Press at the first point, move along, let go at the last."""
        first, *rest = [self.at(*point) for point in points]
        self.page.mouse.move(*first)
        self.page.mouse.down(button=button)
        for place in rest:
            self.page.mouse.move(*place, steps=3)
        self.page.mouse.up(button=button)

    # ------------------------------------------------------------ the server and the files

    def image(self, key):
        """An image as the server has it."""
        status, value = self.server.ask("GET", "/api/image", query={"key": key})
        assert status == 200, value
        return value

    def cells(self, key):
        """Id -> cell, as the server has it."""
        return {cell["id"]: cell for cell in self.image(key)["cells"]}

    def new_cell(self, key, before):
        """The one cell that was not there before."""
        (cell,) = [cell for id_, cell in self.cells(key).items() if id_ not in before]
        return cell

    def overview(self):
        status, value = self.server.ask("GET", "/api/set")
        assert status == 200, value
        return value

    def check(self):
        """The server ends, and its files hold what it said; the page showed no fault."""
        self.is_checked = True
        said = [self.image(row["key"]) for row in self.overview()["images"] if not row["missing"]]
        for page in self.pages:
            page.context.close()
        assert not self.faults
        status, _, told = self.server.end()
        assert status == 0, told
        assert said
        assert not self._not_in_files(said)
        checked = call("check", self.folder)
        assert checked.exit_code == 0, checked.output

    def _not_in_files(self, said):
        files = coco_files(self.folder)
        return [image["key"] for image in said if not _is_in(files[image["subset"]], image)]


def _is_in(coco, image):
    """True if a COCO file holds an image as the server says it is."""
    record = next(record for record in coco["images"] if record["file_name"].endswith(image["name"]))
    names = {category["id"]: category["name"] for category in coco["categories"]}
    kept = {a["id"]: a for a in coco["annotations"] if a["image_id"] == record["id"]}
    marks = all(bool(record.get(key)) == image[key] for key in ("reviewed", "flagged"))
    ids = kept.keys() == {cell["id"] for cell in image["cells"]}
    same = all(_is_cell(kept[cell["id"]], cell, names) for cell in image["cells"]) if ids else False
    return marks and record.get("note", "") == image["note"] and same


def _is_cell(annotation, cell, names):
    told = (names[annotation["category_id"]], annotation["outline"], annotation.get("accepted") is True)
    if told != (cell["category"], cell["outline"], cell["accepted"]):
        return False
    box = all(abs(a - b) < SHAPE_SLACK for a, b in zip(annotation["bbox"], cell["box"], strict=True))
    shape = shapely.MultiPolygon([(part["outer"], part["holes"]) for part in cell["parts"]])
    area = shape.area if cell["parts"] else cell["box"][2] * cell["box"][3]
    return box and abs(area - annotation["area"]) <= 1 + 0.02 * area


@contextmanager
def seated(browser, folder, *options, **how):
    """The page of a set that is served for it."""
    with serving(folder, *options) as server:
        seat = Seat(browser, folder, server)
        try:
            seat.sit(**how)
            seat.sees('#stage[data-key][data-drawn="yes"]')
            yield seat
        finally:
            for page in seat.pages:
                page.context.close()


def stored(page):
    """What the tab keeps of edits that are not saved."""
    return json.loads(page.evaluate("sessionStorage.getItem('smearprep edits')") or '{"items": []}')["items"]
