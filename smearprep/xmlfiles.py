"""XML files from strangers: no entity is expanded, nothing is fetched; a message names line and column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from smearprep.errors import DataError
from smearprep.images import read_bytes

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read_xml(path: Path) -> Element:
    """Read an XML file.

    Returns:
        Its root.

    Raises:
        DataError: Not there, empty, broken (names line and column) or with entities of its own.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    data = read_bytes(path)
    if not data.strip():
        raise DataError(path, "is empty; XML was expected")
    try:
        root: Element = fromstring(data)
    except ParseError as error:
        (line, column), why = error.position, str(error).partition(":")[0]
        raise DataError(path, f"broken XML at line {line}, column {column + 1}: {why}") from None
    except DefusedXmlException:
        what = "declares entities of its own (an XML bomb, or a file from elsewhere); not read"
        raise DataError(path, what) from None
    except (ValueError, LookupError) as error:
        raise DataError(path, f"broken XML: {error}") from None
    return root
