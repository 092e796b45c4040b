"""YAML as people write it: plain values only, and no entry twice."""

from __future__ import annotations

from typing import Any

import yaml


class BrokenYamlError(ValueError):
    """Text that is no YAML, or says one thing twice; the message has line and column where known."""


class _Loader(yaml.SafeLoader):
    """Plain values. Of an entry given twice, YAML 1.1 tools take the last one without a word; not this."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                what = f"{key.value!r} stands here a second time"
                raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """The plain value of a YAML text.

    Raises:
        BrokenYamlError: No YAML, a key twice in one mapping, or a tag that asks for more than plain values.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BrokenYamlError(f"broken YAML{place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2001-99-99
        raise BrokenYamlError(f"broken YAML: {error}") from None
