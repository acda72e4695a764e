"""Commands for people who run ionbox: install, submit, watch, stop, repeat, fetch, remove."""
