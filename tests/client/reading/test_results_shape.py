"""Results of one identity are of one kind: what is published is never served as something newer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import results_shape


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
        "runs are published anew, and run 'make golden'"
    )


def test_another_shape_of_the_same_version_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = tmp_path / "golden.json"
    monkeypatch.setattr(results_shape, "GOLDEN", golden)
    known = {"results_version": 5, "page": "a"}
    with pytest.raises(SystemExit, match="RESULTS_VERSION is still 5"):
        results_shape.renew(known, {**known, "page": "b"})
    assert not golden.exists()
    results_shape.renew(known, {"results_version": 6, "page": "b"})
    assert json.loads(golden.read_text("utf-8")) == {"results_version": 6, "page": "b"}
