"""Random chips of whole images for training: where they lie, and how they are changed.

The eight steps of the counting paper (random image, random centre, degrade, slice, skip chips without the
object, resize, quarter turn and flip, luminosity and saturation), after Overton & Tucker (2020). What is
random is drawn first, as plain numbers (`draw`); a chip follows from its draw and nothing else (`chip`, and
in batches on a device `smearprep.models.semantic.pool`). The same steps as an albumentations pipeline, which
draws its own numbers, are in `smearprep.augmentation.composed`.
"""

from __future__ import annotations

from smearprep.augmentation.centres import Centres, centres_of
from smearprep.augmentation.chips import chip, equalise
from smearprep.augmentation.draws import Draws, draw
from smearprep.augmentation.settings import Augmentation, border

__all__ = ["Augmentation", "Centres", "Draws", "border", "centres_of", "chip", "draw", "equalise"]
