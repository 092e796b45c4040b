"""Which parts a network of the YOLACT family is built from: a word for each choice of the paper's tables.

Source: Luo et al., YOLACT-CIS, Frontiers in Oncology 13 (2023), doi 10.3389/fonc.2023.1223353, Tables 2 to 6;
Bolya et al., YOLACT, ICCV 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from smearprep.errors import RecipeError

Backbone = Literal["ghost-resnet50", "resnet50"]
Neck = Literal["dffn", "fpn"]
Attention = Literal["ddam", "cbam", "none"]
Scaling = Literal["normalised", "raw"]
P6Source = Literal["p5", "c5"]

COMPONENTS = ("Y00", "Y01", "Y10", "Y11")
"""Of the cosine transform: Yhw is of h half waves down the map and w across it."""

CHANNELS = 256
"""Of every map between the neck and the outputs, in the papers."""

LEVELS = 5
"""N3..N7, or P3..P7: maps that cells are looked for on, each half as large as the last."""

REDUCTION = 16
"""An attention's hidden layer has so many times fewer channels."""

_WIDEST = 1024
_NARROWEST = 64  # channels of the narrowest convolution of a bottleneck: no more ghosts can be made of one


@dataclass(frozen=True)
class Design:
    """A network of the family; as it stands, YOLACT-CIS with S = 4.

    Args:
        backbone: ResNet-50, with Ghost convolutions or without.
        ghost_ratio: S of the Ghost convolutions: one map in S is computed, the others are made of it by
            3x3 filters. The paper's are 2, 4 and 8; 1 is the ordinary ResNet-50. Not used by "resnet50".
        neck: How levels are fused: "dffn" down and up again, "fpn" down only.
        smoothing: A 3x3 convolution after the way down. YOLACT has it; the text on DFFN is silent.
        attention: Before the head: "ddam" pools by `components`, "cbam" by maximum and mean.
        components: Of `COMPONENTS`, what DDAM pools by.
        dct: "normalised" so that Y00 is the mean, or "raw" as eqs. 5 to 7 are printed: sums that grow
            with the map, under which nearly every gate is shut or open and stays so.
        attend_prototypes: The prototypes, too, are made of the map after attention.
        p6_source: Of FPN: its level 6 is made of P5, as YOLACT's code does, or of C5, which has the count
            of parameters that the paper gives. DFFN makes it of N5.
        prototypes: How many masks are summed up to those of the cells.
        channels: Of every map between the neck and the outputs. The papers have 256; with fewer a network is
            faster: most of its multiplications are there.

    Raises:
        RecipeError: An unknown word, a number out of range, or choices that exclude one another.
    """

    backbone: Backbone = "ghost-resnet50"
    ghost_ratio: int = 4
    neck: Neck = "dffn"
    smoothing: bool = True
    attention: Attention = "ddam"
    components: tuple[str, ...] = ("Y00", "Y01", "Y10")
    dct: Scaling = "normalised"
    attend_prototypes: bool = False
    p6_source: P6Source = "p5"
    prototypes: int = 32
    channels: int = CHANNELS

    def __post_init__(self) -> None:
        self._check_words()
        self._check_components()
        if not 1 <= self.ghost_ratio <= _NARROWEST:
            raise RecipeError(f"design: ghost_ratio {self.ghost_ratio} must lie between 1 and {_NARROWEST}")
        for name, least in (("prototypes", 1), ("channels", REDUCTION)):
            value = getattr(self, name)
            if not least <= value <= _WIDEST:
                raise RecipeError(f"design: {name} {value} must lie between {least} and {_WIDEST}")
        if self.neck == "dffn" and self.p6_source == "c5":
            raise RecipeError("design: p6_source c5 is of the neck fpn; dffn makes its level 6 of N5")
        if self.attend_prototypes and self.attention == "none":
            raise RecipeError("design: attend_prototypes needs an attention; choose ddam or cbam")

    @property
    def ratio(self) -> int:
        """S of the backbone; 1 for the ordinary one."""
        return 1 if self.backbone == "resnet50" else self.ghost_ratio

    def _check_words(self) -> None:
        choices = {
            "backbone": Backbone,
            "neck": Neck,
            "attention": Attention,
            "dct": Scaling,
            "p6_source": P6Source,
        }
        for name, known in choices.items():
            word = getattr(self, name)
            if word not in get_args(known):
                raise RecipeError(f"design: {name} {word!r}: choose of {', '.join(get_args(known))}")

    def _check_components(self) -> None:
        unknown = [name for name in self.components if name not in COMPONENTS]
        if unknown or not self.components or len(set(self.components)) < len(self.components):
            given = ", ".join(map(str, self.components)) or "none"
            raise RecipeError(f"design: components {given}: list some of {', '.join(COMPONENTS)}, each once")


YOLACT_CIS = Design()
"""The paper's network: S = 4, DDAM, DFFN."""

YOLACT = Design(backbone="resnet50", neck="fpn", attention="none")
"""What it is compared with, as YOLACT's code builds it."""
