"""Lets moto parse each state machine once.

It parses a definition when the machine is made and again for each execution, half a second each for
ours, and tests run it some hundred times.
"""

from __future__ import annotations

import copy
import functools
from typing import Any


def remember_definitions() -> None:
    """Keep what moto parses; executions get copies, for they write into it."""
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    parse = functools.lru_cache(maxsize=16)(AmazonStateLanguageParser.parse)

    def parse_once(definition: str) -> tuple[Any, Any]:
        program, tree = parse(definition)
        return copy.deepcopy(program), tree

    AmazonStateLanguageParser.parse = staticmethod(parse_once)  # type: ignore[method-assign]
