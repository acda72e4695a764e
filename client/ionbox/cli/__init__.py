"""The command line: every argparse parser, and all that prints an answer."""
