"""A dataset on this machine: its files, its settings, `check` and `annotate`.

Paths and settings that people gave come in; a report (``check.py``) or results in a folder
(``annotate.py``) come out. The computing is done by the state machine, run by `ionbox.local`.
"""
