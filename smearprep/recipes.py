"""Recipes: a preparation written down in YAML, read into frozen dataclasses and checked word by word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from smearprep.errors import RecipeError
from smearprep.images import ImageFormat
from smearprep.jsonfiles import dump_json
from smearprep.splitting import Split
from smearprep.tiling import Pad, Shaping, Tile

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """One raw data set of a recipe.

    Args:
        dataset: Its name, as `smearprep datasets` lists it.
        labels: Label map, old -> new.
        options: The data set's own options.
        pad: Zero-padding, or None.
        tile: Cutting into windows, or None.
    """

    dataset: str
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    pad: Pad | None = None
    tile: Tile | None = None


@dataclass(frozen=True)
class ImageFiles:
    """How images are written.

    Args:
        format: "jpg" (4:4:4), "png" (lossless), or "auto": JPEG sources as jpg, all others as png, so that
            nothing lossless is made lossy.
        quality: Of jpg, 1..100.
    """

    format: ImageFormat | Literal["auto"] = "auto"
    quality: int = 95

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise RecipeError(f"JPEG quality {self.quality} must lie between 1 and 100")

    def format_of(self, source: Path) -> ImageFormat:
        """The format in which the views of a source image are written."""
        if self.format != "auto":
            return self.format
        return "jpg" if source.suffix.lower() in (".jpg", ".jpeg") else "png"


@dataclass(frozen=True)
class Recipe:
    """A whole preparation: same raw data and same recipe give the same bytes.

    Args:
        name: For people.
        sources: The raw data sets, in order.
        description: For people.
        categories: The categories of the set, in this order (ids 1, 2, ...); none: all of the data sets.
        unknown: An image in which one of these categories was never looked for is left out
            ("leave_out"), or kept and marked as not exhaustive ("keep").
        resize: (width, height) of every output in px, or None.
        min_visible: Share of a cell's area that must be inside a window for the cell to be kept.
        split: How the set is split, or None for one subset "all".
        images: How images are written.
    """

    name: str
    sources: tuple[Source, ...]
    description: str = ""
    categories: tuple[str, ...] = ()
    unknown: Literal["leave_out", "keep"] = "leave_out"
    resize: tuple[int, int] | None = None
    min_visible: float = 0.2
    split: Split | None = field(default_factory=Split)
    images: ImageFiles = field(default_factory=ImageFiles)

    def __post_init__(self) -> None:
        if not self.sources:
            raise RecipeError(f"recipe {self.name}: it names no source data set")
        names = [source.dataset for source in self.sources]
        if len(set(names)) < len(names):
            raise RecipeError(f"recipe {self.name}: a data set is listed twice; prepare two sets instead")
        if len(set(self.categories)) < len(self.categories):
            raise RecipeError(f"recipe {self.name}: a category is listed twice")
        for source in self.sources:
            self.shaping(source)
        new = [name for source in self.sources for name in source.labels.values()]
        if not all(name.strip() for name in (*self.categories, *new)):
            raise RecipeError(f"recipe {self.name}: a category has no name")
        try:
            dump_json(self.as_dict())
        except TypeError as error:
            raise RecipeError(f"recipe {self.name}: an option cannot be written down ({error})") from None

    def shaping(self, source: Source) -> Shaping:
        """Pad, tile and resize of one source."""
        return Shaping(source.pad, source.tile, self.resize, self.min_visible)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON values, defaults included."""
        return asdict(self)


def shipped(package: str = "smearprep") -> dict[str, str]:
    """The recipes that come with a package: name -> YAML text, with comments."""
    folder = files(package) / "shipped"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return {f.name.removesuffix(".yaml"): f.read_text(encoding="utf-8") for f in found}


def load_recipe(name_or_file: str) -> Recipe:
    """A shipped recipe by name, or a YAML file.

    Raises:
        RecipeError: No such recipe, broken YAML, an unknown entry, a value of the wrong kind.
    """
    return parse_recipe(recipe_text(name_or_file), name_or_file)


def recipe_text(name_or_file: str, package: str = "smearprep") -> str:
    """The YAML text of a recipe that comes with a package, by name, or of a file.

    Raises:
        RecipeError: No such recipe.
    """
    texts = shipped(package)
    if name_or_file in texts:
        return texts[name_or_file]
    try:
        return Path(name_or_file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RecipeError(f"{name_or_file}: is not a text file") from None
    except OSError as error:
        raise RecipeError(
            f"{name_or_file}: no such recipe file ({error.strerror}), and none of the shipped ones: "
            f"{', '.join(texts)}"
        ) from None


def parse_recipe(text: str, where: str) -> Recipe:
    """A recipe from YAML text; `where` is its name in messages.

    Raises:
        RecipeError: Broken YAML (line and column are named), an unknown entry (the nearest known one is
            named), a value of the wrong kind.
    """
    return validated(Recipe, _expand_recipe(yaml_entries(text, where), where), where)


def yaml_entries(text: str, where: str) -> dict[str, Any]:
    """The entries of a recipe's YAML text, named after its file unless it has a name.

    Raises:
        RecipeError: Broken YAML (line and column are named), or no entries.
    """
    from smearprep.yamlfiles import BrokenYamlError, parse_yaml

    try:
        data = parse_yaml(text)
    except BrokenYamlError as error:
        raise RecipeError(f"{where}: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{where}: a recipe is a list of `entry: value` lines; found {type(data).__name__}")
    return {"name": Path(where).stem, **data}


def _without_bools(data: Any) -> Any:
    """True as "true", which is fit for a switch; as a number it would pass for 1."""
    if isinstance(data, bool):
        return str(data).lower()
    if isinstance(data, Mapping):
        return {k: v if k == "options" else _without_bools(v) for k, v in data.items()}
    return [_without_bools(value) for value in data] if isinstance(data, list) else data


def validated(record: type[T], data: Mapping[str, Any], where: str) -> T:
    """Values as a record: pydantic checks their kinds, and what is wrong becomes a RecipeError."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(record).validate_python(_without_bools(data))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}, found {fault['input']!r}"
            for fault in error.errors()
        ]
        raise RecipeError(f"{where}: " + "; ".join(lines)) from None


# ---------------------------------------------------------------- the short forms that people write


def _expand_recipe(data: dict[str, Any], where: str) -> dict[str, Any]:
    check_keys(data, Recipe, where)
    out = dict(data)
    if "resize" in out:
        out["resize"] = pair(out["resize"])
    if "categories" in out:
        out["categories"] = _names(out["categories"])
    sources = out.get("sources")
    if not isinstance(sources, list):
        raise RecipeError(f"{where}: sources: list the raw data sets, each as `- dataset: NAME`")
    out["sources"] = [_expand_source(source, f"{where}: sources[{n}]") for n, source in enumerate(sources)]
    if isinstance(out.get("split"), dict):
        check_keys(out["split"], Split, f"{where}: split")
        out["split"] = expand_split(out["split"])
    if isinstance(out.get("images"), dict):
        check_keys(out["images"], ImageFiles, f"{where}: images")
    return out


def _expand_source(source: Any, where: str) -> dict[str, Any]:
    if isinstance(source, str):
        return {"dataset": source}
    if not isinstance(source, dict):
        raise RecipeError(f"{where}: write `dataset: NAME` and its entries")
    check_keys(source, Source, where)
    out = dict(source)
    pad, tile = out.get("pad"), out.get("tile")
    if pad is not None:
        pad = pad if isinstance(pad, dict) else {"to": pad}
        check_keys(pad, Pad, f"{where}.pad")
        out["pad"] = expand_pad(pad)
    if tile is not None:
        if not isinstance(tile, dict):
            is_size = not isinstance(tile, str) or "x" in tile
            tile = {"size" if is_size else "grid": tile}
        check_keys(tile, Tile, f"{where}.tile")
        out["tile"] = dict(expand_tile(tile))
    return out


def expand_tile(tile: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a tile: sizes as pairs, names as tuples, a stride where none is given."""
    for key, value in tile.items():
        if key in ("size", "stride"):
            if value is not None:
                yield key, pair(value)
        else:
            yield key, _names(value) if key == "keep_categories" else value
    if "size" in tile and tile.get("stride") is None:
        size = pair(tile["size"])
        numbers = isinstance(size, tuple | list) and all(str(side).strip().isdigit() for side in size)
        yield "stride", tuple(max(int(side) // 2, 1) for side in size) if numbers else size


def expand_pad(pad: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a padding: its size as a pair."""
    return {key: pair(value) if key == "to" and value != "square" else value for key, value in pad.items()}


def expand_split(split: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a split: its ratio as three numbers."""
    return {key: _ratio(value) if key == "ratio" else value for key, value in split.items()}


def check_keys(data: Mapping[Any, Any], record: type, where: str) -> None:
    """Refuse entries that a record does not have; the nearest known one is named.

    Raises:
        RecipeError: There is one.
    """
    known = [entry.name for entry in fields(record)]
    for key in data:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise RecipeError(f"{where}: unknown entry {key!r}; {hint}")


def pair(value: Any) -> Any:
    """512 -> (512, 512); "640x480" -> (640, 480)."""
    if isinstance(value, str):
        return tuple(value.split("x")) if "x" in value else (value, value)
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


def _names(value: Any) -> Any:
    """WBC -> (WBC,); "WBC, RBC" -> (WBC, RBC)."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _ratio(value: Any) -> Any:
    """7:1:2 -> (7, 1, 2), as text or as the number into which YAML 1.1 turns it (base 60)."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(":"))
    if isinstance(value, int):
        return (value // 3600, value // 60 % 60, value % 60)
    return value
