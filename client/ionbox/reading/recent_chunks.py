"""The parts of an array that were looked at last, as far as memory goes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]


class RecentChunks:
    """Keeps the chunks that were read last; may be used by several threads.

    Parameters
    ----------
    n_bytes : int
        How much is kept.
    """

    def __init__(self, n_bytes: int) -> None:
        self._most_bytes = n_bytes
        self._lock = threading.RLock()
        self._chunks: OrderedDict[tuple[int, int], Float32s] = OrderedDict()

    def get(self, key: tuple[int, int], read: Callable[[], Float32s]) -> Float32s:
        """Return a chunk; it is read if it is not kept."""
        with self._lock:  # one at a time: two that want the same chunk read it once
            if key not in self._chunks:
                chunk = read()
                self._make_room(chunk.nbytes)
                self._chunks[key] = chunk
            self._chunks.move_to_end(key)
            return self._chunks[key]

    def _make_room(self, n_bytes: int) -> None:
        while self._chunks and n_bytes + self._n_bytes() > self._most_bytes:
            self._chunks.popitem(last=False)

    def _n_bytes(self) -> int:
        return sum(chunk.nbytes for chunk in self._chunks.values())
