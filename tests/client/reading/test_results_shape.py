"""Results of one identity are of one kind: what is published is never served as something newer."""

from __future__ import annotations

import json
from pathlib import Path

import results_shape


def test_other_results_are_another_version(results: Path) -> None:
    known = json.loads(results_shape.GOLDEN.read_text("utf-8"))
    found = results_shape.describe_results(results)
    changed = [
        *(name for name in known if name != "files" and known[name] != found[name]),
        *(
            name
            for name in sorted({*known["files"], *found["files"]})
            if known["files"].get(name) != found["files"].get(name)
        ),
    ]
    assert not changed, (
        f"{', '.join(changed)} changed: raise RESULTS_VERSION in ionbox_cloud/identity.py, so that "
        f"runs are published anew, and follow {results_shape.__file__}"
    )
