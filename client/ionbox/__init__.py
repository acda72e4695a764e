"""What people run: command line, local runner and (later) client and viewer."""
