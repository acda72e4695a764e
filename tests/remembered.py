"""Lets botocore and moto remember what they would read or work out again for each test.

None of it can change while tests run.
"""

from __future__ import annotations

import functools
from typing import Any


def remember_models() -> None:
    """Let botocore read each of its files once: they say what services and endpoints there are.

    Every session reads them anew, a tenth of a second for a few clients. moto makes a new default
    session for every pretended account, and so for every run.
    """
    from botocore.loaders import JSONFileLoader

    read = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))

    def read_once(_: JSONFileLoader, file_path: str) -> Any:
        return read(file_path)

    JSONFileLoader.load_file = read_once


def remember_names() -> None:
    """Let moto's server list its own modules once, and spell each name in snake case once.

    It lists the folder twice for every request, which with the names of a queue's attributes is
    up to half of what a request takes.
    """
    from moto import backends
    from moto.core import responses, utils
    from moto.sqs import models

    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    spell = functools.cache(utils.camelcase_to_underscores)
    for module in (responses, models):
        setattr(module, spell.__name__, spell)
