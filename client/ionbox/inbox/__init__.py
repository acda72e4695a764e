"""The Python client's inbox: where datasets go, on AWS or on this machine."""
