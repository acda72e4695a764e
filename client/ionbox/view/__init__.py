"""Looking at a run: the page served from its results, and questions to them.

``run_reader.py`` answers questions about one run (``ionbox why`` asks it, too); ``server.py``
serves answers and page to the browser of this machine for ``ionbox view``. The page is made by
`ionbox_cloud.report`, as reports are.
"""
