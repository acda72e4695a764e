"""The page people look at: its data, its pictures, and the page itself.

PublishResults makes ``report.html`` from the run record, the annotations and the images:
`rows` makes the table, `images` the pictures, `report_file` puts them together, and
`page_assembly` makes one file of the sources in ``page/``.
"""
