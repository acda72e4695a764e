"""What a user asks for, checked before anything is computed.

PlanRun hands in a `RunRequest` (keys and settings) and gets an `AcceptedRequest` (what is behind
them, read and found fit), or one error that lists everything that is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ionbox_science.config import (
    FileWords,
    Layer,
    RunConfig,
    find_read_options,
    parse_settings,
    resolve_config,
)
from ionbox_science.errors import InvalidConfig, Refusals
from ionbox_science.setting_table import DEFAULTS
from ionbox_science.theory.databases import MoleculeDatabase, parse_database
from ionbox_science.theory.ion_limit import check_ion_count

from ionbox_cloud.messages import RunRequest
from ionbox_cloud.planning.database_tables import DatabaseTable, find_tables
from ionbox_cloud.planning.inspection import Inspection, inspect_dataset, words_of
from ionbox_cloud.published import RESERVED_DATABASE
from ionbox_cloud.storage.side_by_side import map_in_order
from ionbox_cloud.store import ObjectFacts, Store

Layers = list[tuple[str, dict[str, Any]]]
"""Settings and where they come from, strongest first."""


STAND_INS = (
    "stand-ins",
    {"polarity": "positive", "analyzer": "orbitrap", "resolving_power": 140_000.0},
)
"""The weakest layer where what the imzML says is not known or not asked for: a config that lacks a
setting cannot be resolved, and would hide what else is wrong with it."""


@dataclass(frozen=True)
class AcceptedRequest:
    """Everything the user gave, checked.

    Attributes
    ----------
    dataset : Inspection
        The dataset, without errors.
    ibd : ObjectFacts
        Size and tags of its ibd.
    config : RunConfig
        The resolved config: nothing in it is left open.
    warnings : list of str
        Where a setting contradicts the file's own word or is hardly meant; rows left out.
    databases : list of (MoleculeDatabase, bytes)
        Each with the bytes of its file, in the order of the request.
    sort : str
        How to sort the dataset: ``auto`` or the way asked for.
    dollars_per_minute : float
        What a minute that is saved may cost.
    force : bool
        Publish again what is published already.
    max_dollars : float or None
        What the run may cost on AWS, as far as that is known before; None for whatever it costs.
    """

    dataset: Inspection
    ibd: ObjectFacts
    config: RunConfig
    warnings: list[str]
    databases: list[tuple[MoleculeDatabase, bytes]]
    sort: str
    dollars_per_minute: float
    force: bool
    max_dollars: float | None = None


def accept_request(request: RunRequest, inbox: Store) -> AcceptedRequest:
    """Check dataset, config and databases.

    Raises
    ------
    InvalidInput
        If anything is wrong with them; the message has a line for each thing. One of its subclasses
        if all is of a kind.
    MissingObject
        If imzML, sidecar or a database of the request is not in the inbox.
    """
    refusals = Refusals()
    layers = _given_layers(request)
    sidecar = refusals.check(lambda: _read_sidecar(request, inbox))
    layers += sidecar or []
    defaults = [(layer.source, layer.settings) for layer in request.defaults]
    everything = [*layers, *defaults]
    with inbox.side_by_side() as reads:
        tables = reads.start(_read_tables, request, inbox, everything)
        dataset = refusals.check(
            lambda: inspect_dataset(
                inbox,
                request.dataset,
                find_read_options(everything),
                accept_profile=asks(everything, "accept_profile"),
            )
        )
        # what they miss is said together with what is wrong otherwise, below
        tables.leave()
    # what needs the header is checked only if there is one; databases are checked in any case
    ibd = dataset and refusals.check(dataset.require_fit)
    resolved = None
    if sidecar is not None:
        # what is wrong with settings is said together with what is wrong with the dataset
        words = words_of(dataset.header) if dataset else FileWords()
        known = layers if dataset else [*layers, STAND_INS]
        resolved = refusals.check(lambda: resolve_config(known, words, defaults))
    databases = refusals.check(lambda: _parse_databases(tables.result(), everything))
    if resolved and databases:
        rule, molecules = resolved[0].ion_rule, [parsed for parsed, _ in databases]
        refusals.check(lambda: check_ion_count(molecules, rule))
    refusals.raise_any()
    assert dataset and ibd and resolved and databases  # nothing was refused: all are there
    config, warnings = resolved
    skipped = [_describe_skipped(molecules) for molecules, _ in databases if molecules.skipped]
    return AcceptedRequest(
        dataset,
        ibd,
        config,
        [*warnings, *skipped],
        databases,
        sort=_ordered(everything, "sort"),
        dollars_per_minute=float(_ordered(everything, "dollars_per_minute")),
        force=asks(everything, "force"),
        max_dollars=_asked(everything, "max_dollars"),
    )


def _describe_skipped(molecules: MoleculeDatabase) -> str:
    n = len(molecules.skipped)
    return (
        f"database '{molecules.name}': {n} bad rows left out, the first is {molecules.skipped[0]}"
    )


def _given_layers(request: RunRequest) -> Layers:
    """Return the settings given with the run."""
    layers = [(layer.source, layer.settings) for layer in request.config]
    if request.databases:
        layers.insert(0, ("the request", {"databases": [file.name for file in request.databases]}))
    return layers


def _read_sidecar(request: RunRequest, inbox: Store) -> Layers:
    """Return the settings beside the dataset, if there are any."""
    key = request.dataset.sidecar_key
    if key is None:
        return []
    name = PurePosixPath(key).name
    return [(name, parse_settings(inbox.read(key), name))]


def _asked(layers: Sequence[Layer], key: str) -> Any:
    """Return a setting before the config is resolved; one of the wrong type is refused later."""
    given = [settings[key] for _, settings in layers if settings.get(key) is not None]
    return given[0] if given else None


def _ordered(layers: Sequence[Layer], key: str) -> Any:
    """Return a setting that is no part of the config, or its default."""
    asked = _asked(layers, key)
    return DEFAULTS[key] if asked is None else asked


def asks(layers: Sequence[Layer], flag: str) -> bool:
    """Say whether a flag is set that is needed before, or instead of, a resolved config."""
    return _asked(layers, flag) is True


def _read_tables(request: RunRequest, inbox: Store, layers: Layers) -> list[tuple[str, bytes]]:
    """Read the tables of a request: name and bytes of each."""
    tables = [DatabaseTable.of(file, inbox) for file in request.databases]
    tables = tables or find_tables(inbox, layers)
    if not tables:
        raise InvalidConfig("databases: none given; name at least one molecule database")
    # Results have a file per database under its name: one taken or used twice would overwrite.
    names = [table.name for table in tables]
    if RESERVED_DATABASE in names:
        raise InvalidConfig(
            f"databases: '{RESERVED_DATABASE}' is the name of a result file; rename it"
        )
    if len(set(names)) < len(names):
        raise InvalidConfig(f"databases: two have the same name ({', '.join(names)}); rename one")
    found = map_in_order(lambda table: table.read(), tables, inbox.at_once)
    return list(zip(names, found, strict=True))


def _parse_databases(
    tables: Sequence[tuple[str, bytes]], layers: Layers
) -> list[tuple[MoleculeDatabase, bytes]]:
    skip_bad_rows = asks(layers, "skip_bad_rows")
    refusals = Refusals()
    databases = []
    for name, data in tables:
        parsed = refusals.check(
            functools.partial(parse_database, data, name, skip_bad_rows=skip_bad_rows)
        )
        if parsed:
            databases.append((parsed, data))
    refusals.raise_any()
    return databases
