"""A prepared set served to a browser: the page, and the requests it makes.

Everything that changes cells is done by `smearprep.annotating`; here is who may ask, how, and how he is
answered.
"""

from __future__ import annotations

from smearprep.serving.job import annotate
from smearprep.serving.keys import Keys
from smearprep.serving.site import site

__all__ = ["Keys", "annotate", "site"]
