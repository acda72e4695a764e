"""The state machine on one machine: interpreter, workers and the endpoint between them."""
