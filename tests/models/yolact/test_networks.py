"""The networks of the YOLACT family: designs, costs, what goes in and comes out, and weights from files."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import asdict, replace
from functools import cache
from itertools import chain, combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from smearprep.errors import DataError, RecipeError
from smearprep.models.costs import count_macs, count_parameters
from smearprep.models.yolact import YOLACT, YOLACT_CIS, Design
from smearprep.models.yolact.attention import attention_of
from smearprep.models.yolact.backbone import Bottleneck, ResNet50
from smearprep.models.yolact.design import COMPONENTS
from smearprep.models.yolact.ghost import Ghost
from smearprep.models.yolact.head import Head, PrototypeNet, by_prior
from smearprep.models.yolact.neck import DFFN, FPN, TopDown
from smearprep.models.yolact.network import Yolact, build, load_backbone
from smearprep.models.yolact.outputs import Outputs
from smearprep.recipes import validated
from tests.models.making import noise

YOLACT_C5 = replace(YOLACT, p6_source="c5")
PUBLISHED = pytest.mark.parametrize(
    ("design", "parameters", "macs"),
    [
        (YOLACT_CIS, 17_645_597, 40.965e9),
        (YOLACT, 30_598_355, 55.638e9),
        (YOLACT_C5, 34_727_123, 55.972e9),
    ],
    ids=["yolact-cis", "yolact", "yolact-c5"],
)


@cache
def _on_meta(design: Design, categories: int = 1) -> Yolact:
    with torch.device("meta"):
        return build(design, categories)


def _hollow(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


# ---------------------------------------------------------------- designs


@settings(deadline=None)
@given(names=st.sets(st.sampled_from(COMPONENTS), min_size=1), data=st.data())
def test_a_design_written_down_and_read_is_the_same(names: set[str], data: st.DataObject) -> None:
    design = Design(
        backbone=data.draw(st.sampled_from(["ghost-resnet50", "resnet50"])),
        ghost_ratio=data.draw(st.integers(1, 64)),
        neck="fpn",
        attention=data.draw(st.sampled_from(["ddam", "cbam", "none"])),
        components=tuple(sorted(names)),
        p6_source=data.draw(st.sampled_from(["p5", "c5"])),
    )
    written = {**asdict(design), "components": list(design.components)}  # as YAML has it
    assert validated(Design, written, "test") == design


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ({"backbone": "resnet101"}, "backbone 'resnet101': choose of ghost-resnet50, resnet50"),
        ({"neck": "panet"}, "neck 'panet': choose of dffn, fpn"),
        ({"attention": ""}, "attention '': choose of ddam, cbam, none"),
        ({"dct": "unitary"}, "dct 'unitary'"),
        ({"neck": "fpn", "p6_source": "p6"}, "p6_source 'p6'"),
        ({"ghost_ratio": 0}, "ghost_ratio 0 must lie between 1 and 64"),
        ({"ghost_ratio": 65}, "ghost_ratio 65"),
        ({"components": ()}, "components none: list some of Y00, Y01, Y10, Y11"),
        ({"components": ("Y00", "Y02")}, "components Y00, Y02"),
        ({"components": ("Y00", "Y00")}, "each once"),
        ({"components": "Y00"}, "components Y, 0, 0"),
        ({"prototypes": 0}, "prototypes 0 must lie between 1 and 1024"),
        ({"channels": 8}, "channels 8 must lie between 16 and 1024"),
        ({"p6_source": "c5"}, "dffn makes its level 6 of N5"),
        ({"attention": "none", "attend_prototypes": True}, "needs an attention"),
    ],
)
def test_a_design_that_cannot_be_built_is_refused(entries: dict[str, Any], what: str) -> None:
    with pytest.raises(RecipeError, match=what):
        Design(**entries)


def test_a_network_without_categories_is_refused() -> None:
    with pytest.raises(RecipeError, match="0 categories: give 1 or more"):
        build(YOLACT_CIS, 0)


def test_designs_are_there_without_torch() -> None:
    code = "import sys; from smearprep.models.yolact import YOLACT; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---------------------------------------------------------------- what they cost


@PUBLISHED
def test_the_networks_cost_what_the_layers_say(design: Design, parameters: int, macs: float) -> None:
    network = _on_meta(design)
    assert count_parameters(network) == parameters
    assert count_macs(network, (1, 3, 550, 550)) == pytest.approx(macs, rel=1e-4)


STAGES = {  # parameters of the stem and the four stages, multiplications of the convolutions
    1: ((9_536, 215_808, 1_219_584, 7_098_368, 14_964_736), 25.456e9),
    2: ((9_536, 122_688, 692_736, 3_863_040, 8_583_680), 14.456e9),
    4: ((9_536, 76_128, 429_312, 2_245_376, 5_393_152), 8.956e9),
    8: ((9_536, 52_848, 297_600, 1_436_544, 3_797_888), 6.206e9),
}
TOTALS = {1: 23_508_032, 2: 13_271_680, 4: 8_153_504, 8: 5_594_416}


@pytest.mark.parametrize("ratio", STAGES)
def test_the_backbones_cost_what_the_tables_say(ratio: int) -> None:
    backbone = _on_meta(replace(YOLACT_CIS, ghost_ratio=ratio)).backbone
    stages = [backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4]
    stem = count_parameters(backbone.conv1) + count_parameters(backbone.bn1)
    parameters, macs = STAGES[ratio]
    assert (stem, *map(count_parameters, stages)) == parameters
    assert count_parameters(backbone) == TOTALS[ratio]
    assert count_macs(backbone, (1, 3, 550, 550)) == pytest.approx(macs, rel=1e-4)


def test_each_stage_multiplies_as_the_table_says() -> None:
    backbone = _on_meta(YOLACT_CIS).backbone
    shapes = {
        "conv1": (3, 550, 0.712),
        "layer1": (64, 138, 1.396),
        "layer2": (256, 138, 2.139),
        "layer3": (512, 69, 2.847),
        "layer4": (1024, 35, 1.861),
    }
    for name, (channels, side, giga) in shapes.items():
        macs = count_macs(getattr(backbone, name), (1, channels, side, side))
        assert macs / 1e9 == pytest.approx(giga, abs=6e-4), name


def test_dffn_costs_what_the_table_says() -> None:
    with torch.device("meta"):
        neck, plain = DFFN(), DFFN(smoothing=False)
    parts = [
        ([*neck.top_down.laterals], 918_272),
        ([*neck.top_down.smooth], 1_770_240),
        ([neck.down3, neck.down4], 1_180_160),
        ([neck.fuse4, neck.fuse5], 1_180_160),
        ([neck.down5, neck.down6], 1_180_160),
    ]
    for layers, parameters in parts:
        assert sum(map(count_parameters, layers)) == parameters
    assert count_parameters(neck) == sum(parameters for _, parameters in parts)
    assert count_parameters(neck) - count_parameters(plain) == 1_770_240
    sizes = [
        ([neck.down3, neck.down4], (69, 35), 0.914),
        ([neck.fuse4, neck.fuse5], (35, 18), 0.914),
        ([neck.down5, neck.down6], (18, 9), 0.063),
        ([*neck.top_down.smooth], (69, 35, 18), 3.722),
    ]
    for layers, sides, giga in sizes:
        counted = [count_macs(layer, (1, 256, n, n)) for layer, n in zip(layers, sides, strict=True)]
        assert sum(counted) / 1e9 == pytest.approx(giga, abs=6e-4)


def test_the_other_parts_cost_what_the_page_says() -> None:
    network = _on_meta(YOLACT_CIS)
    head = network.head
    assert [count_parameters(attention) for attention in network.attentions] == [8_290] * 5
    assert count_parameters(head.shared) == 590_080 and count_parameters(head.boxes) == 27_660
    assert count_parameters(head.coefficients) == 221_280 and count_parameters(head) == 852_850
    assert count_parameters(network.prototype_net) == 4 * 590_080 + 257 * 32
    assert count_parameters(network.semantic) == 257
    with torch.device("meta"):
        assert count_parameters(FPN()) == 3_868_672
        assert count_parameters(FPN(p6_source="c5")) == 3_868_672 + 4_128_768


@pytest.mark.parametrize("categories", [2, 5])
def test_a_category_costs_its_logits(categories: int) -> None:
    more = count_parameters(_on_meta(YOLACT_CIS, categories)) - 17_645_597
    assert more == (categories - 1) * (3 * (9 * 256 + 1) + 257)


def test_every_row_of_the_ablations_can_be_built() -> None:
    subsets = chain.from_iterable(combinations(COMPONENTS, n) for n in range(1, 5))
    designs = [replace(YOLACT, attention="ddam", components=subset) for subset in subsets]
    designs += [replace(YOLACT, attention="cbam"), replace(YOLACT, attention="ddam", dct="raw")]
    network = _on_meta(YOLACT)
    for design in designs:
        with torch.device("meta"):
            attentions = [attention_of(design) for _ in range(5)]
        attended = Yolact(network.backbone, network.neck, attentions, network.head, network.prototype_net, 1)
        assert count_parameters(attended) == 30_598_355 + 5 * 8_290


# ---------------------------------------------------------------- what goes in and comes out


def test_levels_and_priors_at_550_are_the_papers() -> None:
    said = _on_meta(YOLACT_CIS, 3).train()(_hollow(2, 3, 550, 550))
    assert said.levels == ((69, 69), (35, 35), (18, 18), (9, 9), (5, 5))
    assert said.classes.shape == (2, 19_248, 4)
    assert said.boxes.shape == (2, 19_248, 4)
    assert said.coefficients.shape == (2, 19_248, 32)
    assert said.prototypes.shape == (2, 32, 138, 138)
    assert said.semantic is not None and said.semantic.shape == (2, 3, 69, 69)


@settings(deadline=None, max_examples=6)
@given(
    height=st.integers(33, 700), width=st.integers(33, 700), design=st.sampled_from([YOLACT_CIS, YOLACT_C5])
)
def test_inputs_of_any_size_have_levels_of_halves(height: int, width: int, design: Design) -> None:
    said = _on_meta(design, 3).eval()(_hollow(1, 3, height, width))
    levels = [(-(-height // n), -(-width // n)) for n in (8, 16, 32, 64, 128)]
    assert list(said.levels) == levels
    priors = 3 * sum(h * w for h, w in levels)
    assert said.classes.shape[1] == said.boxes.shape[1] == said.coefficients.shape[1] == priors
    assert said.prototypes.shape[2:] == (2 * levels[0][0], 2 * levels[0][1])
    assert said.semantic is None


@settings(deadline=None, max_examples=20)
@given(height=st.integers(1, 6), width=st.integers(1, 6), numbers=st.integers(1, 5))
def test_priors_are_row_by_row_and_anchor_by_anchor(height: int, width: int, numbers: int) -> None:
    x = noise(2, 3 * numbers, height, width)
    said = by_prior(x)
    for row in range(height):
        for column in range(width):
            for anchor in range(3):
                prior = (row * width + column) * 3 + anchor
                own = x[:, anchor * numbers : (anchor + 1) * numbers, row, column]
                assert torch.equal(said[:, prior], own)


class _Fixed(nn.Module):
    """Says the same of everything."""

    def __init__(self, *said: Tensor) -> None:
        super().__init__()
        self.said = said

    def forward(self, *_: Tensor) -> tuple[Tensor, ...]:
        return self.said


class _Plus(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return x + self.value


def _of_levels(*, attend_prototypes: bool) -> Outputs:
    """Levels 0, 10, 20, 30, 40 to which attention adds 0.5; the semantic map and prototypes show theirs."""
    levels = [torch.full((1, 256, n, n), 10.0 * k) for k, n in enumerate((5, 3, 2, 1, 1))]
    head = Head(1)
    head.forward = lambda x: (by_prior(x[:, :6]), by_prior(x[:, :12]), by_prior(x[:, :96]))  # type: ignore[method-assign]
    network = Yolact(
        _Fixed(*levels[:3]), _Fixed(*levels), [_Plus(0.5)] * 5, head, _Plus(0), 1,
        attend_prototypes=attend_prototypes,
    )  # fmt: skip
    return network(torch.zeros(1, 3, 40, 40))


def test_levels_follow_each_other_finest_first_after_attention() -> None:
    said = _of_levels(attend_prototypes=False)
    expected = torch.cat([torch.full((3 * n * n,), 10 * k + 0.5) for k, n in enumerate((5, 3, 2, 1, 1))])
    assert all(torch.equal(x[0, :, 0], expected) for x in (said.classes, said.boxes, said.coefficients))


@pytest.mark.parametrize("attended", [False, True])
def test_prototypes_are_made_of_the_finest_level(attended: bool) -> None:
    said = _of_levels(attend_prototypes=attended)
    assert (said.prototypes == 0.5 * attended).all()


@settings(deadline=None, max_examples=10)
@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_an_even_pyramid_stays_even(height: int, width: int) -> None:
    """What comes down to a level has the value of the coarser one, at whatever ratio of their sizes."""
    top_down = TopDown((1, 1, 1), smoothing=False)
    for lateral in top_down.laterals:
        nn.init.ones_(lateral.weight)
        nn.init.zeros_(lateral.bias)
    sizes = [(height, width), (-(-height // 2), -(-width // 2)), (-(-height // 4), -(-width // 4))]
    maps = [torch.full((1, 1, *size), float(10**k)) for k, size in enumerate(sizes)]
    p3, p4, p5 = top_down(*maps)
    assert p3.shape[2:] == sizes[0] and p4.shape[2:] == sizes[1]
    assert torch.allclose(p3, torch.tensor(111.0)) and torch.allclose(p4, torch.tensor(110.0))
    assert (p5 == 100).all()


@pytest.mark.parametrize(("neck", "reached"), [(FPN(), False), (DFFN(), True)], ids=["fpn", "dffn"])
def test_only_dffn_brings_fine_levels_up_again(neck: nn.Module, reached: bool) -> None:
    maps = [noise(1, c, n, n).float() for c, n in ((512, 4), (1024, 2), (2048, 1))]
    other = [maps[0] + 1, *maps[1:]]
    with torch.no_grad():
        before, after = neck(*maps), neck(*other)
    assert not torch.allclose(before[0], after[0])
    assert [not torch.equal(b, a) for b, a in zip(before[1:], after[1:], strict=True)] == [reached] * 4


@pytest.mark.parametrize(("cout", "ratio"), [(8, 2), (8, 4), (8, 8), (10, 4), (7, 3)])
def test_ghosts_are_of_one_computed_map_each(cout: int, ratio: int) -> None:
    ghost = Ghost(3, cout, 1, 1, ratio, relu=False).eval()
    computed = -(-cout // ratio)
    x = noise(1, 3, 5, 5).float()
    before = ghost(x)
    assert before.shape == (1, cout, 5, 5)
    with torch.no_grad():
        ghost.primary[0].weight[0] += 1
    changed = [k for k in range(cout) if not torch.equal(ghost(x)[:, k], before[:, k])]
    own = [0, *range(computed, computed + ratio - 1)]
    assert changed == [k for k in own if k < cout]


def test_prototypes_are_twice_as_fine_and_not_negative() -> None:
    torch.manual_seed(0)
    said = PrototypeNet(4)(noise(2, 256, 3, 5).float())
    assert said.shape == (2, 4, 6, 10) and (said >= 0).all() and (said > 0).any()


# ---------------------------------------------------------------- on real numbers


@cache
def _alive() -> Yolact:
    torch.manual_seed(0)
    return build(YOLACT_CIS, 2)


def _tensors(said: Outputs) -> list[Tensor]:
    tensors = [x for x in said[:5] if x is not None]
    assert len(tensors) == 5
    return tensors


def _loss(said: Outputs) -> Tensor:
    return torch.stack([x.float().square().mean() for x in _tensors(said)]).sum()


X = noise(2, 3, 96, 96).float()


def test_every_parameter_learns() -> None:
    network = _alive().train()
    network.zero_grad()
    said = network(X)
    _loss(said).backward()
    assert said.levels == ((12, 12), (6, 6), (3, 3), (2, 2), (1, 1))
    assert all(x.isfinite().all() for x in _tensors(said))
    assert said.coefficients.abs().max() <= 1 and said.prototypes.min() >= 0
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_channels_last_say_the_same() -> None:
    network, x = copy.deepcopy(_alive()).double(), X.double()
    with torch.no_grad():
        before = _tensors(network.train()(x))
        last = network.to(memory_format=torch.channels_last)
        after = _tensors(last(x.to(memory_format=torch.channels_last)))
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("ratio", [1, 4])
def test_gradients_do_not_explode_on_their_way_back(ratio: int) -> None:
    torch.manual_seed(0)
    backbone = build(replace(YOLACT_CIS, ghost_ratio=ratio), 1).backbone.train()
    c5 = backbone(X)[2]
    c5.backward(noise(*c5.shape).float())
    assert isinstance(backbone, ResNet50)
    first, last = (
        torch.cat([p.grad.flatten() for p in part.parameters() if p.grad is not None]).norm()
        for part in (backbone.conv1, backbone.layer4)
    )
    assert 0.5 * last < first < 20 * last


def test_16_bits_say_nearly_the_same() -> None:
    network = _alive().train()  # by the statistics of the batch: those tracked are of no training yet
    with torch.no_grad():
        before = _tensors(network(X))
        with torch.autocast("cpu", torch.bfloat16):
            short = _tensors(network(X))
    for a, b in zip(short, before, strict=True):
        assert a.dtype == torch.bfloat16
        assert (a.float() - b).abs().mean() < 0.05 * b.abs().mean()


def test_16_bits_learn_too() -> None:
    network = _alive().train()
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        loss = _loss(network(X))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_same_seed_makes_the_same_network() -> None:
    torch.manual_seed(0)
    again = build(YOLACT_CIS, 2).state_dict()
    tracked = ("running_mean", "running_var", "num_batches_tracked")
    own = {k: v for k, v in _alive().state_dict().items() if not k.endswith(tracked)}
    assert all(torch.equal(value, again[name]) for name, value in own.items())


# ---------------------------------------------------------------- weights of a file


def _published_names() -> list[str]:
    """Of torchvision's resnet50, without its classifier."""
    statistics = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    names = ["conv1.weight", *(f"bn1.{s}" for s in statistics)]
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            at = f"layer{stage}.{block}"
            for n in (1, 2, 3):
                names += [f"{at}.conv{n}.weight", *(f"{at}.bn{n}.{s}" for s in statistics)]
            if block == 0:
                names += [f"{at}.downsample.0.weight", *(f"{at}.downsample.1.{s}" for s in statistics)]
    return names


def test_the_backbone_has_the_names_of_torchvision() -> None:
    own = list(_on_meta(YOLACT).backbone.state_dict())
    assert own == _published_names() and len(own) == 318


class _Thin(nn.Module):
    """A network whose backbone is one bottleneck."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Bottleneck(8, 2)


def _file(seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {
        name: torch.randn(value.shape).to(value.dtype)
        for name, value in _Thin().backbone.state_dict().items()
    }


@pytest.mark.parametrize("kind", ["own", "of a network", "torchvision"])
def test_weights_of_a_file_are_taken(kind: str) -> None:
    weights = _file()
    given = {
        "own": weights,
        "of a network": {**{f"backbone.{k}": v for k, v in weights.items()}, "neck.x": torch.zeros(1)},
        "torchvision": {**weights, "fc.weight": torch.zeros(1000, 8), "fc.bias": torch.zeros(1000)},
    }[kind]
    network: Any = _Thin()
    load_backbone(network, given, "weights.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in network.backbone.state_dict().items())


def test_how_many_batches_were_seen_may_be_missing() -> None:
    weights = {k: v for k, v in _file().items() if not k.endswith("num_batches_tracked")}
    network: Any = _Thin()
    load_backbone(network, weights, "weights.safetensors")
    assert torch.equal(network.backbone.conv1.weight, weights["conv1.weight"])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"conv2.weight": None, "conv3.weight": None}, "holds no weights conv2.weight of this network"),
        ({"bn1.weight": torch.ones(3)}, r"bn1.weight is \(3,\), not \(2,\) as in this"),
        ({"layer9.weight": torch.ones(3)}, "holds weights layer9.weight, which this"),
    ],
)
def test_weights_that_do_not_fit_are_refused_whole(change: dict[str, Tensor | None], what: str) -> None:
    network: Any = _Thin()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    given = {name: value for name, value in {**_file(), **change}.items() if value is not None}
    with pytest.raises(DataError, match=f"^weights.safetensors: {what}") as caught:
        load_backbone(network, given, "weights.safetensors")
    assert "give a file of the same backbone, or none" in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_of_the_other_backbone_are_refused() -> None:
    given = _on_meta(YOLACT).backbone.state_dict()
    with pytest.raises(DataError, match=r"holds no weights layer1\.0\.conv1\.primary\.0\.weight"):
        load_backbone(_on_meta(YOLACT_CIS), given, "resnet50.safetensors")


@pytest.mark.parametrize("design", [YOLACT_CIS, YOLACT], ids=["cis", "yolact"])
def test_in_16_bits_the_smallest_maps_have_the_same_gradient_each_time(design: Design) -> None:
    torch.manual_seed(0)
    neck = build(design, 1).neck
    maps = [torch.randn(2, c, n, n) for c, n in ((512, 8), (1024, 4), (2048, 2))]  # of an input of 64 px

    def gradients() -> list[torch.Tensor]:
        neck.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            levels = neck(*maps)
        sum(level.float().square().sum() for level in levels).backward()
        return [parameter.grad.clone() for parameter in neck.parameters() if parameter.grad is not None]

    first = gradients()
    for _ in range(5):
        torch.empty(10_000_000).fill_(1e30)  # what memory may hold that is used next
        assert all(torch.equal(a, b) for a, b in zip(first, gradients(), strict=True))
