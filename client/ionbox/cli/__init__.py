"""The command line: every argparse parser, and all that prints an answer.

``main.py`` is the entry. ``…_arguments.py`` declare commands and their flags and import nothing
heavy, so that help comes at once; each names the function in ``…_commands.py`` that carries it out.
Those read flags, call the module that does the work, print what it returned (`ionbox.terminal`,
``show.py``) and return the exit code.
"""
