"""Where ionbox meets storage and the workflow: everything a handler needs besides the science.

Start with `ionbox_cloud.keys` (where every object lies) and `ionbox_cloud.messages` (what states
hand to each other). `ionbox_cloud.planning` decides, `ionbox_cloud.stored` reads and writes the
objects between states, `ionbox_cloud.report` makes the page, and `ionbox_cloud.events` is what
happens outside the state machine.
"""
