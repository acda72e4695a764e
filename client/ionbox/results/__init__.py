"""The Python client's run: annotations, images and facts in METASPACE's names.

`ionbox.run.Run` inherits its members from here, a class per subject, each on top of the one before:
`RunDescription`, `RunColocalization`, `RunTables`, `RunImages`, `RunMeasurement`. The other modules
serve these: what an ion's name means, which annotations a filter keeps, how images are
scaled. Files are read by `ionbox.reading`.
"""
