"""The Python client's inbox: where datasets go, on AWS or on this machine.

``inbox.py`` has the `Inbox` that users see; behind it is ``bucket.py`` or ``folder.py``, which send
and list in the same words. What they list are the `InboxDataset` of ``dataset.py``.
"""
