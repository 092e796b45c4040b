"""The network: backbone, neck, attention, head and prototype net, put together as a `Design` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from smearprep.errors import DataError, RecipeError
from smearprep.models.yolact.attention import attention_of
from smearprep.models.yolact.backbone import Bottleneck, GhostBottleneck, ResNet50
from smearprep.models.yolact.design import CHANNELS, LEVELS, Design
from smearprep.models.yolact.head import Head, PrototypeNet
from smearprep.models.yolact.neck import DFFN, FPN
from smearprep.models.yolact.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable


class Yolact(nn.Module):
    """(B, 3, H, W) float RGB, less the mean and over the deviation -> `Outputs`; any H and W.

    With one category YOLACT-CIS has 17,645,597 parameters, YOLACT 30,598,355, and 34,727,123 with P6 made
    of C5. At 550x550 px they multiply 40.965 G, 55.638 G and 55.972 G times.

    Args:
        backbone: (B, 3, H, W) -> C3, C4, C5.
        neck: C3, C4, C5 -> five levels N3..N7 (B, 256, h, w).
        attentions: One a level, (B, 256, h, w) -> the same.
        head: A level -> classes, boxes and coefficients of its priors, as `Head`.
        prototype_net: N3 -> (B, K, 2h, 2w).
        categories: C, for the semantic map that training is helped by.
        channels: Of N3.
        attend_prototypes: Whether the prototype net is given N3 after attention.
    """

    def __init__(
        self,
        backbone: nn.Module,
        neck: nn.Module,
        attentions: Sequence[nn.Module],
        head: nn.Module,
        prototype_net: nn.Module,
        categories: int,
        *,
        channels: int = CHANNELS,
        attend_prototypes: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.attentions = nn.ModuleList(attentions)
        self.head = head
        self.prototype_net = prototype_net
        self.semantic = nn.Conv2d(channels, categories, 1)
        self.attend_prototypes = attend_prototypes

    def forward(self, x: Tensor) -> Outputs:
        """What is said of x; the shapes below are of (B, 3, 550, 550)."""
        c3, c4, c5 = self.backbone(x)  # (B, 512, 69, 69), (B, 1024, 35, 35), (B, 2048, 18, 18)
        levels = self.neck(c3, c4, c5)  # (B, 256, n, n) with n = 69, 35, 18, 9, 5
        attended = [attend(level) for attend, level in zip(self.attentions, levels, strict=True)]
        said = [self.head(level) for level in attended]  # (B, 14283, ...), 3675, 972, 243, 75
        classes, boxes, coefficients = (torch.cat(parts, dim=1) for parts in zip(*said, strict=True))
        # (B, 19248, 1 + C), (B, 19248, 4), (B, 19248, 32)
        finest = levels[0]
        prototypes = self.prototype_net(attended[0] if self.attend_prototypes else finest)
        # (B, 32, 138, 138)
        semantic = self.semantic(finest) if self.training else None  # (B, C, 69, 69)
        sizes = tuple((level.shape[2], level.shape[3]) for level in levels)
        return Outputs(classes, boxes, coefficients, prototypes, semantic, sizes)


def build(design: Design, categories: int) -> Yolact:
    """The network of a design, on the device and from the random numbers that are torch's current ones.

    The backbone starts from Kaiming's weights and with bottlenecks that add little; all else from Xavier's
    weights and biases of 0, as in YOLACT's code. The background's logit has no head start: the loss takes
    three negatives for each positive, and so need not be protected from the mass of background.

    Raises:
        RecipeError: No category.
    """
    if categories < 1:
        raise RecipeError(f"a network of {categories} categories: give 1 or more")
    network = Yolact(
        _backbone(design),
        _neck(design),
        [attention_of(design) for _ in range(LEVELS)],
        Head(categories, design.prototypes, design.channels),
        PrototypeNet(design.prototypes, design.channels),
        categories,
        channels=design.channels,
        attend_prototypes=design.attend_prototypes,
    )
    for name, part in network.named_children():
        if name != "backbone":
            _initialise(part)
    return network


def load_backbone(network: Yolact, tensors: Mapping[str, Tensor], where: Path | str) -> None:
    """Put weights into the backbone: a backbone's own, those of a whole network, or torchvision's resnet50.

    Of a whole network the names begin with "backbone."; of torchvision's the classifier `fc` is not needed.

    Args:
        network: Its backbone is left as it was if the weights do not fit.
        tensors: Name -> weights, as safetensors files hold them.
        where: The file, for messages.

    Raises:
        DataError: A tensor is missing, unknown or of another shape; the message names the first such.
    """
    prefix = "backbone."
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    given = own or {name: value for name, value in tensors.items() if not name.startswith("fc.")}
    wanted = network.backbone.state_dict()
    advice = "give a file of the same backbone, or none"
    for name, value in wanted.items():
        # How many batches were seen is missing in old files, and is not used.
        if name not in given and not name.endswith(".num_batches_tracked"):
            raise DataError(where, f"holds no weights {name} of this network's backbone; {advice}")
        found, due = tuple(given.get(name, value).shape), tuple(value.shape)
        if found != due:
            raise DataError(where, f"{name} is {found}, not {due} as in this network's backbone; {advice}")
    unknown = sorted(set(given) - set(wanted))
    if unknown:
        raise DataError(where, f"holds weights {unknown[0]}, which this network's backbone lacks; {advice}")
    network.backbone.load_state_dict({**wanted, **given})


# ---------------------------------------------------------------- parts


def _backbone(design: Design) -> ResNet50:
    ghost: Callable[[int, int, int], nn.Module] = partial(GhostBottleneck, ratio=design.ratio)
    return ResNet50(Bottleneck if design.ratio == 1 else ghost)


def _neck(design: Design) -> nn.Module:
    if design.neck == "dffn":
        return DFFN(smoothing=design.smoothing, channels=design.channels)
    return FPN(smoothing=design.smoothing, p6_source=design.p6_source, channels=design.channels)


def _initialise(part: nn.Module) -> None:
    for layer in part.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
