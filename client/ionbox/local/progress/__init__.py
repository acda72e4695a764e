"""How far a run is, for who waits for it: from the process that works to standard error.

``pipe.py`` carries what a call says of itself from its process to the runner; ``tally.py`` adds up
what is known of a state, and puts it in words; ``steps.py`` has the steps of a run, ``displays.py``
the two ways to show them. `run_progress.RunProgress` is the listener that brings all together.
"""
