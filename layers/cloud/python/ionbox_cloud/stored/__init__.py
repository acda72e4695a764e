"""The objects that states hand on: segments, spans, patterns, images, annotations.

A module per kind of object: how it is written, in which order, and how it is read. What the bytes
mean is the science ring's; where they lie is `ionbox_cloud.keys`'s.
"""
