"""Commands for people who run ionbox: install, submit, watch, stop, repeat, fetch, remove.

Functions here do the work and return what happened; the parsers and all printing are in
`ionbox.cli`. AWS comes in as an `ionbox.account.Account` and an `Installation`. What lists and
watches runs (``runs.py``, ``attempts.py``, ``logs.py``, ``open_runs.py``) does so for a work
folder of this machine, too.
"""
