"""One contract for all stores: what handlers may rely on wherever they run."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import obstore
import pytest
from ionbox_cloud.errors import (
    DamagedObject,
    MissingObject,
    StoreUnavailable,
    TransientError,
)
from ionbox_cloud.storage import object_head
from ionbox_cloud.store import Store

SOME_BYTES = bytes(range(256)) * 5


class StoreContract:
    """Tests that every kind of store passes; subclasses give the ``store``."""

    def test_what_was_written_is_read(self, store: Store) -> None:
        for data in (SOME_BYTES, b""):
            store.write("a/b.bin", data)
            assert store.read("a/b.bin") == data

    def test_writing_replaces_what_was_there(self, store: Store) -> None:
        store.write("key", SOME_BYTES)
        store.write("key", b"short")
        assert store.read("key") == b"short"

    def test_pieces_are_written_one_after_the_other(self, store: Store) -> None:
        pieces = [memoryview(SOME_BYTES)[:7], memoryview(b""), memoryview(SOME_BYTES)[7:]]
        store.write("key", pieces)
        assert store.read("key") == SOME_BYTES

    def test_pieces_may_be_many_megabytes(self, store: Store) -> None:
        column = np.arange(1_500_000, dtype=np.float64)
        store.write("key", [column.data.cast("B"), memoryview(b"end")])
        assert store.read("key") == column.tobytes() + b"end"

    @pytest.mark.parametrize(
        ("start", "stop"), [(0, 1), (0, 1280), (1279, 1280), (3, 700), (17, 17), (1280, 1280)]
    )
    def test_a_range_is_a_slice(self, store: Store, start: int, stop: int) -> None:
        store.write("key", SOME_BYTES)
        found = store.read_range("key", start, stop - start)
        assert isinstance(found, memoryview)
        assert found == SOME_BYTES[start:stop]

    def test_a_range_beyond_the_end_gives_what_there_is(self, store: Store) -> None:
        store.write("key", SOME_BYTES)
        assert store.read_range("key", 1270, 100) == SOME_BYTES[1270:]

    def test_a_range_past_the_end_is_a_short_object_not_storage_that_is_away(
        self, store: Store
    ) -> None:
        store.write("key", SOME_BYTES)
        with pytest.raises(MissingObject, match="'key' has 1280 bytes, none from 5000 on"):
            store.read_range("key", 5000, 20)

    def test_each_folder_is_a_store_of_its_own_for_libraries(self, store: Store) -> None:
        obstore.put(store.objects_below("results/a/images.zarr"), "c/0/0", b"chunk")
        again = store.objects_below("results/a/images.zarr")
        assert bytes(obstore.get(again, "c/0/0").bytes()) == b"chunk"
        with pytest.raises(FileNotFoundError):
            obstore.get(store.objects_below("results/b/images.zarr"), "c/0/0")

    def test_what_is_large_is_read_as_well(self, store: Store) -> None:
        data = bytes(range(251)) * 12345  # several pieces
        store.write("a", data)
        assert store.read_large("a") == data
        with pytest.raises(MissingObject, match="'b'"):
            store.read_large("b")

    def test_what_may_be_absent_is_none(self, store: Store) -> None:
        store.write("key", SOME_BYTES)
        assert store.read_if_there("key") == SOME_BYTES
        assert store.read_if_there("other") is None
        store.write("folder/key", b"")
        assert store.read_if_there("folder") is None

    def test_a_file_is_copied_in_pieces_that_are_told(self, store: Store, tmp_path: Path) -> None:
        for data in (np.arange(700_000).tobytes(), SOME_BYTES, b""):
            store.write("key", data)
            told: list[int] = []
            store.download("key", tmp_path / "copy", told.append)
            assert (tmp_path / "copy").read_bytes() == data
            assert sum(told) == len(data)

    def test_of_what_is_not_there_no_file_is_made(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(MissingObject, match="no object 'no/such'"):
            store.download("no/such", tmp_path / "copy", lambda n_bytes: None)
        assert not (tmp_path / "copy").exists()

    def test_a_range_can_be_an_array_without_a_copy(self, store: Store) -> None:
        values = np.arange(100, dtype="<f8")
        store.write("key", values.tobytes())
        found = np.frombuffer(store.read_range("key", 80, 160), "<f8")
        np.testing.assert_array_equal(found, values[10:30])

    def test_content_is_known_by_size_and_checksum(self, store: Store) -> None:
        for data in (SOME_BYTES, b"", SOME_BYTES * 9000):  # 11 MB: more than one part of an upload
            store.write_whole("key", memoryview(data))
            digest = hashlib.sha256(data).hexdigest()
            assert store.has_content("key", len(data), digest)
            assert not store.has_content("key", len(data), hashlib.sha256(b"other").hexdigest())
            assert not store.has_content("key", len(data) + 1, digest)
        assert not store.has_content("other", 0, hashlib.sha256(b"").hexdigest())

    def test_content_that_was_written_in_parts_is_known_too(self, store: Store) -> None:
        data = SOME_BYTES * 9000
        store.write("key", [memoryview(data)])
        assert store.has_content("key", len(data), hashlib.sha256(data).hexdigest())

    def test_what_is_deleted_is_gone(self, store: Store) -> None:
        for key in ("a/b", "a/c"):
            store.write(key, b"one")
        store.delete(["a/b", "a/no such"])
        assert store.list("") == ["a/c"]

    def test_a_sealed_object_is_what_was_written_or_damaged(self, store: Store) -> None:
        value = {"n_peaks": [1, 2], "mz": 100.25}
        store.write_sealed("key", value)
        assert store.read_sealed("key") == value
        sealed = store.read("key")
        assert json.loads(sealed)["mz"] == 100.25
        for damaged in (sealed.replace(b"100.25", b"100.24"), sealed[:-9], b"", b"[]", b"{}"):
            store.write("key", damaged)
            with pytest.raises(DamagedObject, match="object 'key' is damaged: "):
                store.read_sealed("key")

    def test_arrays_are_what_was_written_or_damaged(self, store: Store) -> None:
        store.write_arrays("key", {"mz": np.arange(50.0), "none": np.empty((0, 3))})
        whole = store.read("key")
        for place in range(0, len(whole), 3):
            flipped = whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :]
            store.write("key", flipped)
            try:
                found = store.read_arrays("key")
            except DamagedObject:
                continue
            np.testing.assert_array_equal(found["mz"], np.arange(50.0))  # a date, or the like
            assert found["none"].shape == (0, 3)
        for cut in (0, 9, len(whole) - 1):
            store.write("key", whole[:cut])
            with pytest.raises(DamagedObject, match="object 'key' is damaged: "):
                store.read_arrays("key")

    def test_facts_tell_size_and_change(self, store: Store) -> None:
        store.write("key", b"one")
        first = store.facts("key")
        assert first is not None
        assert (first.n_bytes, store.facts("key")) == (3, first)
        store.write("key", b"three")
        second = store.facts("key")
        assert second is not None
        assert second.n_bytes == 5
        assert second.etag != first.etag

    def test_writing_the_same_again_makes_another_version(self, store: Store) -> None:
        store.write("key", b"one")
        first = store.facts("key")
        assert first is not None
        assert store.facts("key") == first
        time.sleep(1.1)  # S3 without versions tells times in seconds
        store.write("key", b"one")
        second = store.facts("key")
        assert second is not None
        assert second.version != first.version

    def test_absence_is_a_fact(self, store: Store) -> None:
        store.write("folder/key", b"")
        assert store.facts("nothing") is None
        assert not store.exists("nothing")
        assert not store.exists("folder/ke")
        assert store.exists("folder/key")

    def test_json_comes_back(self, store: Store) -> None:
        value = {"b": [1, 2.5, None, True], "a": {"ü": "€"}}
        store.write_json("key", value)
        assert store.read_json("key") == value

    def test_equal_json_makes_equal_bytes_that_people_can_read(self, store: Store) -> None:
        store.write_json("one", {"a": 1, "b": 2})
        store.write_json("other", {"b": 2, "a": 1})
        assert store.read("one") == store.read("other") == b'{\n "a": 1,\n "b": 2\n}\n'

    def test_json_without_a_meaning_elsewhere_is_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="JSON"):
            store.write_json("key", float("nan"))
        assert not store.exists("key")

    def test_json_that_is_not_whole_is_none(self, store: Store) -> None:
        store.write_json("whole", {"a": 1})
        store.write("half", b'{"a": ')
        store.write("strange", b"\xff\xfe{")
        assert store.read_json_if_whole("whole") == {"a": 1}
        for key in ("half", "strange", "absent"):
            assert store.read_json_if_whole(key) is None

    def test_many_are_read_in_the_order_of_their_keys(self, store: Store) -> None:
        for n in range(100):
            store.write_json(f"many/{n}", n)
        wanted = [100, *reversed(range(100)), 3]
        found = store.read_many_json([f"many/{n}" for n in wanted])
        assert found == [None, *reversed(range(100)), 3]
        assert store.read_many_json([]) == []

    def test_arrays_come_back_with_their_types(self, store: Store) -> None:
        arrays = {
            "mz": np.array([[1.5, 2.5]]),
            "name": np.array(["C2H6O", "ü"]),
            "empty": np.empty((0, 4), np.float32),
        }
        store.write_arrays("key.npz", arrays)
        found = store.read_arrays("key.npz")
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype

    def test_many_arrays_are_read_in_the_order_of_their_keys(self, store: Store) -> None:
        for n in range(8):
            store.write_arrays(f"arrays/{n}.npz", {"n": np.array(n)})
        wanted = [5, 0, 7, 3, 1, 6, 2] * 10  # more than are read at once
        found = store.read_many_arrays([f"arrays/{n}.npz" for n in wanted])
        assert [int(arrays["n"]) for arrays in found] == wanted
        assert list(store.read_many_arrays([])) == []
        store.write("arrays/3.npz", b"no arrays")
        with pytest.raises(DamagedObject, match=r"arrays/3\.npz"):
            list(store.read_many_arrays([f"arrays/{n}.npz" for n in wanted]))
        with pytest.raises(MissingObject, match=r"arrays/9\.npz"):
            list(store.read_many_arrays(["arrays/9.npz"]))

    def test_equal_arrays_make_equal_bytes(self, store: Store) -> None:
        for key in ("one", "other"):
            store.write_arrays(key, {"a": np.arange(5), "b": np.zeros((2, 2), bool)})
        assert store.read("one") == store.read("other")

    def test_only_the_first_creates(self, store: Store) -> None:
        assert store.create("claims/key", b"first") is True
        assert store.create("claims/key", b"second") is False
        assert store.read("claims/key") == b"first"

    def test_listing_gives_all_keys_below_a_folder_sorted(self, store: Store) -> None:
        for key in ("run/b", "run/a/2", "run/a/1", "runs/c", "other"):
            store.write(key, b"")
        assert store.list("run") == ["run/a/1", "run/a/2", "run/b"]
        assert store.list("run/") == store.list("run")
        assert store.list("run/a") == ["run/a/1", "run/a/2"]
        assert store.list("nothing") == []

    def test_sizes_are_those_of_all_objects_below_a_folder(self, store: Store) -> None:
        for key, n_bytes in (("run/b", 0), ("run/a/2", 7), ("runs/c", 1), ("other", 2)):
            store.write(key, bytes(n_bytes))
        assert store.sizes("run") == store.sizes("run/") == {"run/a/2": 7, "run/b": 0}
        assert list(store.sizes("run")) == store.list("run")
        assert store.sizes("nothing") == {}

    def test_keys_that_begin_alike_are_found_whatever_follows(self, store: Store) -> None:
        for key in ("a/x.ibd", "a/x.imzML", "a/x.d/y", "a/xy.ibd", "a/x", "b", "a/x.é+ü", "A/x."):
            store.write(key, b"")
        assert store.list_beginning("a/x.") == ["a/x.d/y", "a/x.ibd", "a/x.imzML", "a/x.é+ü"]
        assert store.list_beginning("nothing/") == []
        assert store.list_beginning("A") == ["A/x."]

    def test_a_folder_is_listed_without_those_in_it(self, store: Store) -> None:
        for key in ("a/x.ibd", "a/x.imzML", "a/x/y", "ab", "b"):
            store.write(key, b"")
        assert store.list_folder("a") == ["a/x.ibd", "a/x.imzML"]
        assert store.list_folder("") == ["ab", "b"]
        assert store.list_folder("nothing") == []

    def test_listing_has_no_limit(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "50")  # S3 lists 1,000 at a time
        for n in range(110):
            store.write(f"many/{n:05}", b"")
        assert len(store.list("many")) == 110
        assert len(store.list_beginning("many/0")) == 110
        assert store.list_beginning("many/0000") == [f"many/0000{n}" for n in range(10)]

    def test_keys_may_have_any_letters(self, store: Store) -> None:
        key = "20261124/mouse brain #2 (50%, +ü)/tissue.imzML"
        store.write(key, SOME_BYTES)
        assert store.read(key) == SOME_BYTES
        assert store.list("20261124/mouse brain #2 (50%, +ü)") == [key]

    def test_reading_what_is_not_there_names_the_key(self, store: Store) -> None:
        for read in (
            lambda: store.read("no/such"),
            lambda: store.read_range("no/such", 0, 4),
            lambda: store.read_json("no/such"),
            lambda: store.read_arrays("no/such"),
        ):
            with pytest.raises(MissingObject, match="no object 'no/such'"):
                read()


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return Store.open("memory://")


class FolderOrBucket(StoreContract):
    """What memory cannot do."""

    def test_what_libraries_write_below_a_folder_has_its_key(self, store: Store) -> None:
        folder = store.objects_below("results/run/images.zarr")
        obstore.put(folder, "c/0/0", b"chunk")
        assert store.read("results/run/images.zarr/c/0/0") == b"chunk"
        store.write("results/run/images.zarr/zarr.json", b"{}")
        assert bytes(obstore.get(folder, "zarr.json").bytes()) == b"{}"


class TestFolderStore(FolderOrBucket):
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "täglich neu" / "work"

    @pytest.fixture
    def store(self, folder: Path) -> Store:
        return Store.open(folder.as_uri())

    def test_an_object_is_an_ordinary_file(self, store: Store, folder: Path) -> None:
        store.write_json("runs/a/plan.json", {"ppm": 3})
        assert json.loads((folder / "runs" / "a" / "plan.json").read_text("utf-8")) == {"ppm": 3}

    def test_reading_makes_no_folder(self, folder: Path) -> None:
        with pytest.raises(MissingObject, match="there is no folder file://"):
            Store.open(folder.as_uri(), create=False)
        folder.mkdir(parents=True)
        store = Store.open(folder.as_uri(), create=False)
        with pytest.raises(MissingObject):
            store.objects_below("ion_images.zarr")
        assert not list(folder.iterdir())

    def test_what_storage_refuses_may_be_tried_again(self, store: Store) -> None:
        store.write("a", b"a file, so no folder can have its name")
        with pytest.raises(StoreUnavailable, match="object 'a/b': ") as caught:
            store.write("a/b", b"data")
        assert isinstance(caught.value, TransientError)


@pytest.fixture
def s3(aws_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 to talk to, where the environment leads."""
    for name, value in aws_variables.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    yield client
    client.close()


class TestS3Store(FolderOrBucket):
    @pytest.fixture
    def store(self, s3: Any) -> Store:
        bucket = f"bucket-{uuid.uuid4().hex}"
        s3.create_bucket(Bucket=bucket)
        return Store.open(f"s3://{bucket}")

    def test_the_same_content_has_the_same_tag(self, store: Store) -> None:
        tags = []
        for _ in range(2):
            store.write("key", b"one")
            facts = store.facts("key")
            assert facts is not None
            tags.append(facts.etag)
        assert tags[0] == tags[1]

    @pytest.mark.parametrize(("n_bytes", "n_parts"), [(16 << 20, 1), ((32 << 20) + 1, 3)])
    def test_only_large_objects_are_written_in_parts(
        self, store: Store, n_bytes: int, n_parts: int
    ) -> None:
        whole = bytes(n_bytes)
        for data in (whole, [memoryview(whole)[:5], memoryview(whole)[5:]]):
            store.write("key", data)
            facts = store.facts("key")
            assert facts is not None
            assert facts.n_bytes == n_bytes
            # S3's tag of what came in parts ends with their number
            assert facts.etag.strip('"').partition("-")[2] == ("" if n_parts == 1 else str(n_parts))

    def test_a_bucket_with_versions_tells_them(self, store: Store, s3: Any) -> None:
        s3.put_bucket_versioning(
            Bucket=store.url.removeprefix("s3://"), VersioningConfiguration={"Status": "Enabled"}
        )
        versions = set()
        for _ in range(3):  # within a second
            store.write("key", b"one")
            facts = store.facts("key")
            assert facts is not None
            versions.add(facts.version)
        assert len(versions) == 3

    def test_checksums_of_whole_objects_and_words_are_told(self, store: Store, s3: Any) -> None:
        bucket, data = store.url.removeprefix("s3://"), b"ibd"
        words = {"name": "a word"}
        s3.put_object(Bucket=bucket, Key="key", Body=data, ChecksumAlgorithm="SHA1", Metadata=words)
        head, facts = store.ask_head("key"), store.facts("key")
        assert head is not None
        assert facts is not None
        assert head.checksums == {"sha1": hashlib.sha1(data).hexdigest()}
        assert (head.etag, head.words) == (facts.etag, words)

    def test_nothing_is_told_of_what_is_not_there(self, store: Store) -> None:
        head = store.ask_head("key")
        assert head is not None
        assert (head.etag, head.checksums, head.words) == ("", {}, {})

    @pytest.mark.parametrize(
        "answer",
        [
            {"ChecksumSHA1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=", "ChecksumType": "COMPOSITE"},
            {"ChecksumSHA1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=-2"},
            {"ChecksumCRC64NVME": "AAAAAAAAAAA="},
        ],
    )
    def test_a_checksum_of_parts_is_none_of_the_whole(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str]
    ) -> None:
        class Client:
            def head_object(self, **_: str) -> dict[str, str]:
                return {"ETag": '"tag-2"', **answer}

        monkeypatch.setattr(object_head, "open_client", lambda _: Client())
        head = store.ask_head("key")
        assert head is not None
        assert (head.etag, head.checksums) == ('"tag-2"', {})
