"""The files of a run, wherever they are: a results folder, a bucket, the ibd beside it.

Two ways in, for two readers. ``folder.py`` (`ResultsFolder`) reads what a run published, for the
Python client. ``place.py`` (`Place`) also knows where the data lie that the results came from;
``measured_data.py`` reads those, for the viewer and for ``Run.mz_image`` and ``Run.spectrum``. The
rest lays out tables as pandas frames, keeps images that were read, and turns damage into errors
that name the file.
"""
