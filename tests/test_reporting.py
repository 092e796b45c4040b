"""The report: one page without the network, the same bytes every time, whatever the set is."""

from __future__ import annotations

import json
import re
import shutil
import sys
from base64 import b64decode, b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import shapely
import typer
from typer.testing import CliRunner

from smearprep.checking import check
from smearprep.cli import reporting as command
from smearprep.errors import LayoutError, OutputError, RecipeError, SmearprepError
from smearprep.findings import Finding, Summary
from smearprep.formats.coco import CocoWriter
from smearprep.images import decode
from smearprep.leaks import AuditedImage, LeakAudit, Overlap, Shared, audit
from smearprep.prepare import prepare
from smearprep.reporting import figures, report, tables
from smearprep.reporting.looks import Group, Look, Spread, by_subset, look_at
from smearprep.reporting.numbers import count, evenly
from smearprep.reporting.preparation import Preparation, preparation
from smearprep.reporting.reading import read_set
from smearprep.reporting.svg import shown
from smearprep.reporting.verdicts import leak_verdicts, preparation_verdict
from smearprep.splitting import Split
from smearprep.synthetic import write_image
from smearprep.tiling import Tile
from tests.sets import EVEN, edit_json, folder_recipe, images_of, noise, write_folder

VOID = {"meta", "img", "br", "link", "input", "wbr"}
HOSTILE = '<script>alert(1)</script>" onload="x & $a_b$ \x07 ]]> --> {{ 7 * 7 }} url(#p) "'


class Page(HTMLParser):
    """What a browser would take from a page: elements, ids, what it refers to, and the text it shows."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self) -> list[str | None]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def sound_page(path: Path) -> Page:
    """A page on which all that holds for every report has been checked."""
    page = Page(path)
    ids = page.ids()
    assert len(set(ids)) == len(ids)
    for tag, attributes in page.tags:
        for key, value in attributes.items():
            assert not key.startswith("on"), (tag, key)
            if key in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                assert value and (value.startswith("data:image/jpeg;base64,") or value[1:] in ids), (
                    tag,
                    value,
                )
            for target in (
                re.findall(r"url\(([^)]*)\)", value or "") if key not in ("alt", "aria-label") else ()
            ):
                assert target[1:] in ids, (tag, target)
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert all(attributes.get("aria-label") and attributes["role"] == "img" for attributes in page.all("svg"))
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "link", "form", "base", "image"}
    assert page.all("html") == [{"lang": "en"}] and len(page.all("h1")) == len(page.all("main")) == 1
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(headings))
    own = (files("smearprep.reporting") / "report.js").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page.source, re.DOTALL)
    assert script == own  # the policy lets this one run, and nothing else
    (policy,) = [a["content"] for a in page.all("meta") if "http-equiv" in a]
    assert b64encode(sha256(own.encode()).digest()).decode() in str(policy)
    assert "default-src 'none'" in str(policy)
    style = (files("smearprep.reporting") / "report.css").read_text(encoding="utf-8")
    assert page.source.count("<style>") == 1 and style in page.source
    assert not re.search(r"url\(|@import", style)
    assert not re.search("#0[0-9ab]0[0-9]0[0-9]", page.source)  # all stand-ins have become the page's colours
    return page


def made(folder: Path, **how: Any) -> tuple[Page, Summary]:
    summary = report(folder, **how)
    return sound_page(Path(str(summary.output))), summary


# ---------------------------------------------------------------- sets


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 90 windows of six images, enlarged, in three subsets."""
    root = tmp_path_factory.mktemp("prepared")
    raw = write_folder(root / "raw")
    recipe = folder_recipe(tile=Tile((20, 20), (10, 10)), split=EVEN, resize=(40, 40))
    prepare(recipe, [("folder", raw)], root / "set")
    return root / "set"


@pytest.fixture
def out(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared set, to be spoilt."""
    return shutil.copytree(prepared, tmp_path / "set")


def write_set(
    root: Path,
    shapes: list[list[tuple[str, shapely.Geometry, str]]],
    categories: list[str],
    size: tuple[int, int] = (60, 40),
    subset: str = "all",
    **record: Any,
) -> Path:
    """A foreign set: of each image its cells (label, shape, outline)."""
    with CocoWriter(root / f"annotations/instances_{subset}.json", categories) as writer:
        for k, cells in enumerate(shapes):
            write_image(root / f"images/{subset}/{k}.png", noise(size, k))
            id_ = writer.add_image(f"{k}.png", size, **record)
            labels, areas, outlines = zip(*cells, strict=True) if cells else ((), (), ())
            writer.add_cells(id_, size, list(labels), list(areas), list(outlines), [{}] * len(cells))
    return root


BOX = shapely.box(5, 5, 21, 14)


# ---------------------------------------------------------------- what it shows


def test_a_prepared_set(out: Path) -> None:
    page, summary = made(out)
    assert summary.output == str(out / "report.html") and not summary.has_problems
    assert summary.counts["images"] == 90 and summary.counts["problems"] == 0
    assert list(summary.by_subset) == ["train", "val", "test"]
    assert len(summary.tables["overlaps"]) == 3
    assert len(page.all("svg")) == 5  # nothing overlaps: no figure of overlaps
    assert len(page.all("img")) == 30
    for words in ("WBC", "RBC", "No window of one subset overlaps", "dataset: folder", "Diameters, px"):
        assert words in page.text
    assert "µm" not in page.text
    assert check(out).findings == ()  # the report is no stray file


def test_scale(out: Path) -> None:
    page, _ = made(out, um_per_px=0.5)
    assert "Diameters, µm" in page.text and "half are below 11 px = 5.6 µm" in page.text


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_no_scale(out: Path, scale: float) -> None:
    with pytest.raises(RecipeError, match="no scale"):
        report(out, um_per_px=scale)


def test_progress_counts_every_image_twice(out: Path) -> None:
    seen: list[tuple[int, int]] = []
    report(out, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 180) for n in range(1, 181)]


def test_sizes_are_in_raw_px_and_each_whole_cell_counts_once(out: Path) -> None:
    numbers = count(read_set(out))
    for category in numbers.categories:
        assert category.whole == 6 and category.total > 6
        assert len(category.diameters) == 6 and category.cut == 0
        assert category.diameters == pytest.approx([2 * np.sqrt(100 / np.pi)] * 6)  # of 10x10 px, drawn at 2x
        assert category.outlines == {"drawn": category.total}
        assert category.searched == 90
    assert numbers.different_smears == 6 and numbers.names_smears
    for subset, cells in numbers.cells.items():
        assert sum(category.per_image[subset].sum() for category in numbers.categories) == cells


def test_boxes_and_points(tmp_path: Path) -> None:
    cells = [("RBC", BOX, "box"), ("WBC", shapely.Point(30.5, 20), "point")]
    page, summary = made(write_set(tmp_path, [cells, cells[1:]], ["RBC", "WBC"]))
    assert not summary.has_problems
    rbc, wbc = count(read_set(tmp_path)).categories
    assert rbc.diameters.tolist() == [12.0] and rbc.outlines == {"box": 1}
    assert len(wbc.diameters) == 0 and wbc.outlines == {"point": 2}
    assert "geometric mean of its sides" in page.text
    assert "0.png, with outlines of 1 RBC, 1 WBC" in page.source


def test_what_was_not_looked_for_is_said(tmp_path: Path) -> None:
    names = ["RBC", "WBC", "Blast"]
    write_set(tmp_path, [[("RBC", BOX, "drawn")], []], names, annotated=frozenset({"RBC"}))
    write_set(tmp_path, [[]], names, subset="more", annotated=frozenset({"WBC"}))
    write_set(tmp_path, [[]], names, subset="none", annotated=frozenset())
    page, _ = made(tmp_path)
    captions = re.findall(r"<figcaption><bdi>\d.*?</figcaption>", page.source, re.DOTALL)
    told = [" ".join(re.sub("<[^>]*>", " ", caption).split()) for caption in captions]
    assert told[:4] == [
        "0.png RBC 1 not looked for: WBC",
        "1.png no RBC not looked for: WBC",
        "0.png no WBC not looked for: RBC",
        "0.png not looked for: RBC , WBC",
    ]
    assert "no cell" not in page.text and "without a cell" not in page.source
    rbc, wbc, _ = numbers = count(read_set(tmp_path)).categories
    assert [category.searched for category in numbers] == [2, 1, 0]
    assert rbc.per_image["all"].tolist() == [1, 0] and wbc.per_image["more"].tolist() == [0]
    assert "RBC: 0.5 on average, none in 1 of 2" in page.text
    assert "0 of 4 images" in page.text  # the table has what nobody looked for; legends do not
    (legend,) = re.findall('<p class="legend">.*?</p>', page.source, re.DOTALL)
    assert "WBC" in legend and "Blast" not in legend


@pytest.mark.parametrize(
    ("cells", "figures"),
    [([[("RBC", BOX, "drawn")]], 4), ([[]], 3), ([], 0)],
    ids=["one image", "no cells", "no images"],
)
def test_little_sets(tmp_path: Path, cells: list[Any], figures: int) -> None:
    page, summary = made(write_set(tmp_path, cells, ["RBC"]))
    assert len(page.all("svg")) == figures and len(page.all("img")) == len(cells)
    assert "one subset only" in page.text
    assert not summary.has_problems


def test_no_category_at_all(tmp_path: Path) -> None:
    page, _ = made(write_set(tmp_path, [[], []], []))
    assert len(page.all("svg")) == 1


def test_many_categories_subsets_and_images(tmp_path: Path) -> None:
    names = [f"kind {n}" for n in range(25)]
    cells = [(name, BOX, "drawn") for name in names]
    for k in range(7):
        write_set(tmp_path, [cells] * 6, names, subset=f"fold{k}")
    page, _ = made(tmp_path)
    assert len(page.all("img")) <= 40 + 12
    assert all(name in page.text for name in names)


def test_findings_and_leaks_are_shown(tmp_path: Path) -> None:
    raw = write_folder(tmp_path / "raw")
    recipe = folder_recipe(tile=Tile((20, 20), (10, 10)), split=Split((1, 1, 1), by="image"))
    prepare(recipe, [("folder", raw)], tmp_path / "set")
    page, summary = made(tmp_path / "set")
    assert summary.has_problems
    assert len(page.all("svg")) == 6
    assert "of the px lie in windows of train" in page.text
    told = {finding.what for finding in summary.findings}
    checked = check(tmp_path / "set").findings
    assert {finding.what for finding in checked} < told
    first = [finding.what for finding in summary.findings]
    assert all("of the px in" in what for what in first[:3]) and "also in" in first[3]
    assert summary.counts["problems"] == 6  # three shares of px, three pairs of subsets that share smears
    assert summary.counts["leak"] == 6 + len(checked) and "6 problems were found" in page.text
    levels = re.findall("<bdi>(problem|detail|note)</bdi>", page.source)
    assert levels == ["problem"] * 6 + ["detail"] * len(checked)


def test_near_duplicates_are_shown_side_by_side(tmp_path: Path) -> None:
    for subset in ("train", "test"):
        write_set(tmp_path, [[("RBC", BOX, "drawn")]], ["RBC"], subset=subset)
    page, summary = made(tmp_path)
    assert summary.counts["leak"] == 1 and summary.has_problems
    assert len(page.all("img")) == 4
    assert "2 images show nearly the same" in page.text


def test_what_the_preparation_left_out_and_found(out: Path) -> None:
    def tell(manifest: dict[str, Any]) -> None:
        manifest["counts"] |= {"raw_images": 9, "raw_images_used": 6}
        found = [("speck", "a.png"), ("speck", "b.png"), ("not_annotated", "c.png"), ("odd", "d.png")]
        manifest["findings"] = [
            {"kind": kind, "what": f"what {name}; left out", "file": name, "id": ""} for kind, name in found
        ]

    edit_json(out / "manifest.json", tell)
    page, summary = made(out)
    assert not summary.has_problems
    why = "in 1 nobody looked for what the set is about, of 2 no window was kept"
    assert f"3 of 9 raw images were left out: {why}." in page.text
    assert "3 things were found in the raw data when the set was prepared." in page.text
    rows = [[entry.text for entry in row] for row in tables.prepared(read_preparation(out).findings).rows]
    assert rows == [
        ["not annotated", "1", "note", "what c.png; left out", "c.png"],
        ["speck", "2", "note", "what a.png; left out", "a.png"],
    ]
    assert all(words in page.text for words in ("In the set", "speck", "what a.png; left out"))


def read_preparation(prepared: Path) -> Preparation:
    return preparation(read_set(prepared).manifest)


def test_verdicts_on_the_preparation() -> None:
    assert preparation_verdict(Preparation()) is None
    assert preparation_verdict(Preparation(9, 9)) is None
    noted = preparation_verdict(Preparation(9, 9, (Finding("note", "x"),)))
    assert noted == ("plain", "1 thing was found in the raw data when the set was prepared.")
    unlooked = Preparation(9, 8, (Finding("not_annotated", "x", "a.png"),)).told()
    assert unlooked == "1 of 9 raw images was left out: nobody looked in them for what the set is about."
    assert Preparation(9, 7).told() == "2 of 9 raw images were left out: no window was kept."
    lost = preparation_verdict(Preparation(9, 9, (Finding("unreadable", "x"), Finding("note", "y"))))
    assert lost is not None and lost[0] == "bad" and lost[1].endswith(", 1 of them problems.")
    assert preparation({"counts": {"raw_images": "x"}, "findings": [3, {"kind": []}]}) == Preparation()


SAME = "No two images of different raw images show nearly the same in different subsets."


def test_no_good_news_beside_a_leak() -> None:
    two = ("train", "test")
    apart = LeakAudit(two, 9, overlaps=(Overlap("test", "train", 100, 0, 0),))
    assert [state for state, _ in leak_verdicts(apart)] == ["good"] * 3
    assert leak_verdicts(apart)[0] == ("good", SAME)
    windows = LeakAudit(two, 9, overlaps=(Overlap("test", "train", 100, 50, 1),))
    assert leak_verdicts(windows)[0] == ("plain", SAME)
    raws = LeakAudit(two, 9, shared=(Shared("raw", "test", "train", ("r",), 5, 9),))
    assert leak_verdicts(raws)[0] == ("plain", SAME)
    assert leak_verdicts(LeakAudit(two, 0))[0][0] == "plain"


def test_raw_images_that_count_as_smears_are_no_good_news() -> None:
    images = [
        AuditedImage(str(n), subset, f"{name}/{n}.jpg", f"{name}/{n}")
        for n, (subset, name) in enumerate([("train", "bccd"), ("test", "bccd"), ("test", "all_idb1")])
    ]
    state, words = leak_verdicts(audit(images))[-1]
    assert state == "plain" and "each raw image of ALL-IDB1 and of BCCD counts as a smear" in words
    again = [AuditedImage("9", "test", "bccd/0.jpg", "bccd/0")]
    said = [words for state, words in leak_verdicts(audit([*images, *again])) if state == "bad"]
    assert said == ["Of test, 33.3 % of the images come from raw images that train has, too."]


def test_the_tile_says_what_counts_as_a_smear(out: Path) -> None:
    page, _ = made(out)
    assert "each raw image of a plain folder of images counts as one" in page.text


# ---------------------------------------------------------------- what is broken


def test_unreadable_images_are_named_and_left_out(out: Path) -> None:
    first, second = images_of(out)[:2]
    first.unlink()
    second.write_bytes(second.read_bytes()[:200])
    (out / "manifest.json").unlink()  # without digests, `check` looks at headers only
    page, summary = made(out)
    found = [(finding.kind, finding.file) for finding in summary.findings if finding.is_problem]
    names = [path.relative_to(out).as_posix() for path in (first, second)]
    assert found == [("missing_image", names[0]), ("unreadable", names[1])]
    assert all(name in page.text for name in names)
    assert "88 images were compared" in page.text


def test_no_image_can_be_read(out: Path) -> None:
    shutil.rmtree(out / "images")
    page, summary = made(out)
    assert summary.has_problems and page.all("img") == []
    assert "The set has no image that can be read." in page.text


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"images": 3}', '{"images": [3, {}], "annotations": [null]}']
)
def test_broken_annotation_files(out: Path, text: str) -> None:
    (out / "annotations/instances_val.json").write_text(text)
    _, summary = made(out)
    assert summary.has_problems


@pytest.mark.parametrize("recipe", [3, [], "x", {"name": ["x"], "description": {}}, {"deep": None}])
def test_odd_manifests(out: Path, recipe: Any) -> None:
    if recipe == {"deep": None}:
        for _ in range(400):
            recipe = {"deep": recipe}
    edit_json(
        out / "manifest.json", lambda m: m.update(recipe=recipe, inputs=3, annotations=[], libraries=None)
    )
    made(out)
    (out / "manifest.json").write_text("[1]")
    made(out)


def test_odd_numbers(out: Path) -> None:
    """Whatever stands in an annotation, the page is made."""
    odd: list[Any] = [None, "x", [], {}, True, -1, 0, 1e308, -1e308, 10**18, 0.5]

    def spoil(data: dict[str, Any]) -> None:
        keys = (
            "area",
            "bbox",
            "visible",
            "cell",
            "outline",
            "category_id",
            "image_id",
            "segmentation",
            "keypoints",
        )
        rows = data["annotations"]
        for n, row in enumerate(rows * (1 + 100 // max(1, len(rows)))):
            row[keys[n % len(keys)]] = odd[n % len(odd)]
        for n, row in enumerate(data["images"]):
            row[("window", "smear", "source", "width", "not_exhaustive_category_ids")[n % 5]] = odd[
                n % len(odd)
            ]

    edit_json(out / "annotations/instances_train.json", spoil)
    _, summary = made(out)
    assert summary.has_problems


# ---------------------------------------------------------------- one page, the same bytes, no harm


def test_everything_from_the_set_is_harmless(tmp_path: Path) -> None:
    cells = [(HOSTILE, BOX, "drawn"), ("RBC", BOX, "drawn")]
    for subset in ("train", "b'<b>&"):
        write_set(tmp_path, [cells], [HOSTILE, "RBC"], subset=subset, source=HOSTILE, smear=HOSTILE)
    manifest = {"recipe": {"name": HOSTILE, "description": HOSTILE}, "smearprep": HOSTILE, "plan": HOSTILE}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    page, summary = made(tmp_path)
    assert summary.has_problems
    assert len(page.all("script")) == 1 and page.all("b") and "b'<b>&" in page.text
    assert page.text.count("<script>alert(1)</script>") >= 6
    assert page.text.count(shown(HOSTILE)) >= 2  # in the figures
    assert "{{ 7 * 7 }}" in page.text and "49" not in page.text


def test_same_set_same_bytes_wherever_it_lies(prepared: Path, tmp_path: Path) -> None:
    first, second = (shutil.copytree(prepared, tmp_path / name) for name in ("a", "b/c"))
    for path in images_of(second):
        path.touch()
    report(first)
    report(second, tmp_path / "elsewhere.html")
    again = report(first)
    page = (first / "report.html").read_bytes()
    assert page == (tmp_path / "elsewhere.html").read_bytes()
    assert not (second / "report.html").exists()
    assert str(tmp_path).encode() not in page and again.output == str(first / "report.html")
    assert len(page) < 2_000_000


def test_pictures_are_small_whatever_they_show(prepared: Path, tmp_path: Path) -> None:
    root = write_set(tmp_path, [[]] * 12, ["RBC"], size=(700, 500))  # noise cannot be compressed
    page, _ = made(root)
    images = page.all("img")
    assert len(images) == 10 and len(page.source) < 1_000_000
    data = b64decode(str(images[0]["src"]).partition(",")[2])
    assert decode(data, Path("a.jpg")).shape == (229, 320, 3)
    assert (images[0]["width"], images[0]["height"]) == ("320", "229")


def test_outlines_lie_on_the_cells(tmp_path: Path) -> None:
    root = tmp_path
    write_image(root / "images/all/0.png", np.full((500, 1000, 3), 255, np.uint8))
    with CocoWriter(root / "annotations/instances_all.json", ["RBC"]) as writer:
        id_ = writer.add_image("0.png", (1000, 500))
        writer.add_cell(id_, (1000, 500), "RBC", shapely.box(500, 250, 900, 450), "drawn")
    page, _ = made(root)
    picture = decode(b64decode(str(page.all("img")[0]["src"]).partition(",")[2]), Path("a.jpg"))
    rows, columns = np.nonzero(picture.min(axis=2) < 128)
    assert picture.shape == (160, 320, 3)
    assert (columns.min(), columns.max()) == (pytest.approx(160, abs=1.5), pytest.approx(288, abs=1.5))
    assert (rows.min(), rows.max()) == (pytest.approx(80, abs=1.5), pytest.approx(144, abs=1.5))


def test_matplotlib_is_left_as_it_was(out: Path) -> None:
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        report(out, out / "a.html")
    report(out, out / "b.html")
    assert (out / "a.html").read_bytes() == (out / "b.html").read_bytes()
    assert dict(matplotlib.rcParams) == before
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("library", ["matplotlib", "jinja2"])
def test_a_library_is_missing(out: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SmearprepError, match=r'pip install "smearprep\[report\]"'):
        report(out)
    assert not (out / "report.html").exists()


def test_where_no_page_can_be_written(out: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        report(out, tmp_path)
    with pytest.raises(LayoutError):
        report(tmp_path / "nothing")


# ---------------------------------------------------------------- small parts


def test_evenly_spaced() -> None:
    assert evenly(10, 3) == [1, 5, 8]
    assert evenly(2, 5) == [0, 1]
    assert evenly(0, 5) == []
    for n in range(1, 60):
        picked = evenly(n, 7)
        assert len(set(picked)) == min(n, 7) and picked[0] >= 0 and picked[-1] < n


def test_names_in_figures() -> None:
    assert shown("a\n\x00b\u202ec\ud800") == "a b c"
    assert shown(" \t") == "(no name)"
    assert shown("x" * 99, 10) == "x" * 9 + "…"


def test_a_subset_that_looks_otherwise_is_told() -> None:
    rng = np.random.default_rng(0)

    def group(subset: str, n: int, off: float) -> Group:
        brightness = 150 + off + rng.normal(0, 4)
        return Group(
            f"{subset}{n}",
            subset,
            1,
            Look((150.0, 140.0, 150.0), brightness, 0.2 + rng.normal(0, 0.01), (0.1, 0.2, 0.1 + n / 99)),
        )

    groups = [
        group(subset, n, off) for subset, off in (("train", 0), ("val", 1), ("test", 20)) for n in range(30)
    ]
    train, val, test = by_subset(groups, ("train", "val", "test", "none"))
    assert train.shift == () and train.smears == 30
    assert abs(val.shift[0]) < 1 and test.shift[0] > 3 and abs(test.shift[1]) < 1
    few = by_subset(groups[:40], ("train", "val"))
    assert few[1].shift == ()  # ten smears tell nothing


def test_long_tables_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 3)
    notes = [Finding("note", f"what {n}") for n in range(5)]
    table = tables.findings([*notes, Finding("leak", "x" * 1000)])
    assert table.left_out == 3 and len(table.rows) == 3
    assert [row[0].text for row in table.rows] == ["problem", "note", "note"]
    assert len(table.rows[0][2].text) == 400
    assert table.numeric == (False,) * 5


def test_subsets_are_sorted_in_their_usual_order() -> None:
    look = Look((1.0, 2.0, 3.0), 2.0, 0.1, (0.1, 0.1, 0.1))
    table = tables.smears([Group("s", name, 1, look) for name in ("test", "a", "train", "val")], "smear")
    assert [row[1].order for row in table.rows] == ["2", "3", "0", "1"] and not table.numeric[1]


def test_a_shift_that_is_not_known_says_why_and_has_no_place_in_the_order() -> None:
    look = Look((1.0, 2.0, 3.0), 2.0, 0.1, (0.1, 0.1, 0.1))
    spreads = [
        Spread(name, smears, look, (1.0,) * 5, shift)
        for name, smears, shift in (("train", 99, ()), ("val", 5, ()), ("test", 20, (-0.5,) * 5))
    ]
    shifts = [row[-1] for row in tables.subset_looks(spreads, "smear").rows]
    assert [(entry.text, entry.order) for entry in shifts] == [
        ("reference", ""),
        ("too few", ""),
        ("-0.50", "-0.5"),
    ]
    assert tables.subset_looks(spreads, "smear").numeric[-1]


def test_labels_of_overlaps_lie_beyond_the_frame() -> None:
    rows = [
        Overlap("test", other, 1000, leaked, 1) for other, leaked in (("a", 1000), ("b" * 60, 895), ("c", 1))
    ]
    figure = figures._overlaps(rows)
    axes = figure.axes[0]
    figure.draw_without_rendering()
    frame = axes.transData.transform((100, 0))[0]
    whole = figure.bbox.width
    for text in axes.texts:
        box = text.get_window_extent()
        assert frame < box.x0 and box.x1 <= whole


def test_names_may_be_broken_after_their_parts(tmp_path: Path) -> None:
    root = write_set(tmp_path, [[("a_b/c", BOX, "drawn")]], ["a_b/c"])
    images_of(root)[0].unlink()
    page, _ = made(root)
    assert "<bdi>images/<wbr>all/<wbr>0.png</bdi>" in page.source and "a_<wbr>b/<wbr>c" in page.source


def test_how_an_image_looks() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = (255, 0, 0)
    image[2:] = (127, 127, 127)
    look = look_at(image)
    assert look.colour == (191.0, 63.5, 63.5)
    assert look.brightness == pytest.approx(0.2126 * 191 + 0.7874 * 63.5)
    assert look.saturation == pytest.approx(0.5)
    assert look.density == pytest.approx((np.log10(2) / 2, np.log10(512) / 2, np.log10(512) / 2))


# ---------------------------------------------------------------- the command


def call(*arguments: str) -> Any:
    app = typer.Typer()
    command.register(app)
    return CliRunner().invoke(app, list(arguments))


def test_command(out: Path) -> None:
    done = call(str(out), "--um-per-px", "0.1", "--out", str(out / "x.html"), "--json")
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    assert data["command"] == "report" and data["output"] == str(out / "x.html")
    assert Counter(data["by_category"]) == Counter(check(out).by_category)
    sound_page(out / "x.html")
    images_of(out)[0].unlink()
    assert call(str(out)).exit_code == 1
    assert call(str(out / "images")).exit_code == 2
    assert call(str(out), "--um-per-px", "0").exit_code == 2
