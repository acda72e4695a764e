"""What is kept of a run: its record (``run.json``), its status (``status.json``), what both sum up.

``run_record.py`` has the classes, ``run_totals.py`` adds up what calls took and cost,
``describe_run.py`` fills the record of a run that is about to be published. What a single call
took is in `ionbox_cloud.call_records`.
"""
