"""The YOLACT family: YOLACT, YOLACT-CIS and what lies between them; their designs are there without torch."""

from __future__ import annotations

from smearprep.models.yolact.design import YOLACT, YOLACT_CIS, Design

__all__ = ["YOLACT", "YOLACT_CIS", "Design"]
