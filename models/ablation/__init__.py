"""Ablations: many trainings that differ in little, and one table of what each is good for."""

from __future__ import annotations

from smearprep.models.ablation.rows import AblationRow, load_rows, shipped_ablations
from smearprep.models.ablation.running import ablate

__all__ = ["AblationRow", "ablate", "load_rows", "shipped_ablations"]
