"""Two tables of annotations side by side: ``ionbox compare``.

``tables.py`` reads each side, ``comparison.py`` matches ions and says what changed,
``settings.py`` says with what two runs were made, ``scatter_plot.py`` draws. The command line's
help imports this module, so nothing heavy is imported here.
"""

TOLERANCE = 1e-4
"""Up to this difference a metric counts as the same; tables have 6 significant digits."""
