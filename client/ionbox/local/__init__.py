"""The state machine on one machine: interpreter, workers and the clients between them.

`machine.run_execution` runs an execution from its input to its result. Definition, handlers and
messages are those of AWS; only what is around them is played here: moto interprets the state
machine, `clients` answers for Lambda, S3 and ECS, worker processes (`pool`, `worker`, `runtime`)
call the handlers, and `tasks` runs what would be a Fargate task, which reports to an HTTP endpoint
(`endpoint`).
"""
