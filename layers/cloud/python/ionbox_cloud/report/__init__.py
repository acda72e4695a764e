"""The page people look at: its data, its pictures, and the page itself.

PublishResults makes ``report.html`` from the run record, the annotations and the images:
`describe_run` makes the record, `rows` the table, `images` the pictures, `page_data` puts them
together, and `page_assembly` makes one file of the sources in ``page/``.
"""
