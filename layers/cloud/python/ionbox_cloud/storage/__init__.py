"""What stores are made of: objects as bytes, what bytes mean, which file a key is, and refusals.

`ionbox_cloud.store` is made of it, and is what everybody reads and writes with.
"""
