"""Figures that the papers report, to stand beside ours. All of ALL-IDB1, on subsets of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OUTPUTS: Mapping[tuple[str, str, str], Mapping[str, float]] = MappingProxyType(
    {
        ("do-unet", "RBC", "mask"): {"dice": 0.9528, "accuracy": 0.9716},
        ("do-unet", "RBC", "edge"): {"dice": 0.4127, "accuracy": 0.9385},
    }
)
"""(network, category, output) -> metrics: the blood-cell counting paper, after both phases."""

COUNTS: Mapping[tuple[str, str, str], float] = MappingProxyType(
    {
        ("do-unet", "RBC", "hough"): 95.36,
        ("unet", "WBC", "watershed"): 95.64,  # of 108 images; 97.94 of 13
        ("unet", "Platelets", "components"): 98.58,
        ("do-segnet", "RBC", "hough"): 94.03,
        ("do-segnet", "RBC", "watershed"): 84.64,
        ("do-segnet", "RBC", "components"): 76.49,
        ("segnet", "WBC", "watershed"): 96.43,
    }
)
"""(network, category, method) -> accuracy of the counts in %: the same paper. "watershed" is its count of
peaks of the distance transform. Overton & Tucker report 98.31 for red cells."""

INSTANCES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "yolact-cis": {"ap": 0.8741, "ap50": 0.9782, "ap75": 0.9538},
        "yolact": {"ap": 0.8486, "ap50": 0.9481, "ap75": 0.9203},
    }
)
"""network -> mask AP of white cells of ALL-IDB1 and BCCD together: Luo et al. 2023, Table 6."""
