"""ResNet-50 without its classifier, of ordinary bottlenecks or of Ghost ones.

Sources: He et al., ResNet, CVPR 2016, Table 1, with the stride in the 3x3 convolution; Luo et al. 2023; that
bottlenecks start small, Goyal et al., arXiv 1706.02677, section 5.1. Modules are named as torchvision's are,
so that weights for its resnet50 fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from smearprep.models.yolact.ghost import Ghost

EXPANSION = 4
"""A bottleneck of width w puts out 4 w channels."""

C3_TO_C5 = (512, 1024, 2048)
"""Channels of what the neck is given."""

START = 0.1
"""What a bottleneck adds to its input is normalised to this deviation before it is trained.

With 1, the gradients of a Ghost-ResNet-50 (S = 4) are 1,450 times as large in its first layer as in its last
stage (ResNet-50: 54), and bfloat16 leaves nothing of C5 but noise; with 0.1 they are 5 (4) times as large.
With 0, as the source has it, ghosts would be made of nothing, and at first learn nothing.
"""

_WIDTHS, _BLOCKS = (64, 128, 256, 512), (3, 4, 6, 3)


class Bottleneck(nn.Module):
    """1x1 to w channels, 3x3, 1x1 to 4 w, and a shortcut: (B, cin, h, w) -> (B, 4 w, h', w').

    Args:
        cin: Channels in.
        width: w.
        stride: Of the 3x3 convolution; h' = ceil(h / stride).
    """

    def __init__(self, cin: int, width: int, stride: int = 1) -> None:
        super().__init__()
        cout = EXPANSION * width
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, cout, 1, bias=False)
        self.bn3 = _started(nn.BatchNorm2d(cout))
        self.relu = nn.ReLU(True)
        self.downsample = _shortcut(cin, cout, stride)

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the input, plus the input."""
        shortcut = self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        out: Tensor = self.relu(self.bn3(self.conv3(x)) + shortcut)
        return out


class GhostBottleneck(nn.Module):
    """A bottleneck whose three convolutions are Ghost convolutions; its shortcut is an ordinary one.

    Args:
        cin: Channels in.
        width: w; it puts out 4 w.
        stride: Of the 3x3 convolution.
        ratio: S of the Ghost convolutions, 2 or more.
    """

    def __init__(self, cin: int, width: int, stride: int = 1, *, ratio: int) -> None:
        super().__init__()
        cout = EXPANSION * width
        self.conv1 = Ghost(cin, width, 1, 1, ratio)
        self.conv2 = Ghost(width, width, 3, stride, ratio)
        self.conv3 = _started(Ghost(width, cout, 1, 1, ratio, relu=False))
        self.relu = nn.ReLU(True)
        self.downsample = _shortcut(cin, cout, stride)

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the input, plus the input."""
        out: Tensor = self.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))
        return out


class ResNet50(nn.Module):
    """(B, 3, H, W) -> C3 (B, 512, h, w), C4 (B, 1024, h', w'), C5 (B, 2048, h'', w''), each half the last.

    A side of n px is halved to ceil(n / 2) five times in all: 550 -> 275, 138, 69, 35, 18. With ordinary
    bottlenecks it has 23,508,032 parameters; with Ghost ones of S = 2, 4, 8 it has 13,271,680, 8,153,504,
    5,594,416.

    Args:
        bottleneck: Makes a bottleneck of channels in, width and stride.
    """

    def __init__(self, bottleneck: Callable[[int, int, int], nn.Module] = Bottleneck) -> None:
        super().__init__()
        first = _WIDTHS[0]
        self.conv1 = nn.Conv2d(3, first, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU(True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        outs = [EXPANSION * width for width in _WIDTHS]
        stages = [
            _stage(bottleneck, cin, width, count, stride)
            for cin, width, count, stride in zip([first, *outs], _WIDTHS, _BLOCKS, (1, 2, 2, 2), strict=False)
        ]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        _initialise(self)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """C3, C4, C5."""
        x = self.relu(self.bn1(self.conv1(x)))  # (B, 64, 275, 275) of x (B, 3, 550, 550)
        x = self.maxpool(x)  # (B, 64, 138, 138)
        c2 = self.layer1(x)  # (B, 256, 138, 138)
        c3 = self.layer2(c2)  # (B, 512, 69, 69)
        c4 = self.layer3(c3)  # (B, 1024, 35, 35)
        c5 = self.layer4(c4)  # (B, 2048, 18, 18)
        return c3, c4, c5


def _started(last: nn.Module) -> nn.Module:
    """What a bottleneck ends with, normalised to `START`."""
    for layer in last.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.weight, START)
    return last


def _shortcut(cin: int, cout: int, stride: int) -> nn.Module:
    """The identity, or a 1x1 convolution where the channels or the size change."""
    if cin == cout and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


def _stage(
    bottleneck: Callable[[int, int, int], nn.Module], cin: int, width: int, count: int, stride: int
) -> nn.Sequential:
    rest = [bottleneck(EXPANSION * width, width, 1) for _ in range(count - 1)]
    return nn.Sequential(bottleneck(cin, width, stride), *rest)


def _initialise(network: nn.Module) -> None:
    """Kaiming's normal weights, as ResNets are trained from."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            # PyTorch counts the outputs of all groups; what counts for a filter of one map is its 9 inputs.
            mode: Literal["fan_in", "fan_out"] = "fan_out" if layer.groups == 1 else "fan_in"
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
