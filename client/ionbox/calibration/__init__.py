"""How good claimed FDR is: simulated datasets whose ions are known are annotated, and compared.

For ``ionbox calibrate``. ``scenarios.py`` says what is simulated and with which settings it is
annotated, ``trials.py`` does both, ``truth.py`` compares what was found with what was planted,
``difficulty.py`` says how hard the data was, ``pooling.py`` puts seeds together, and ``figures.py``
and ``page.py`` write them down.
"""
