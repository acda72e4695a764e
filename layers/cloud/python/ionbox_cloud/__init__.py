"""Where ionbox meets storage and the workflow: keys, messages, stores and settings."""
