"""A dataset on this machine: its files, its settings, `check` and `annotate`."""
