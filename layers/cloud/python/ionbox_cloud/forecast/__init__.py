"""How long a run takes and what it costs, before anything is computed: pure functions on counts.

`counts` says what there is to do, from a plan; `calls` what each state's calls then compute, move
and wait for, cut by the planning functions themselves; `machines` how long a call takes on AWS or
on one machine; `make_forecast` puts the states together as the state machine does. All rates are in
``data/rates.json``.
"""
