"""What ionbox costs, side by side with the libraries it replaces: ``python -m benchmarks``.

`kernels` times single kernels against their numpy oracles and those libraries, on the same input
and with the same answer; `pipeline` times whole runs (`workloads`) against fixed amounts of work of
those libraries (`yardsticks`); `goals` compares both with what was asked for, `report` prints and
stores all of it. Everything is in CPU seconds of all processes, which other work on the machine
moves less than wall-clock time.
"""
