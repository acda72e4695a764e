"""The stack of `make synth` on one machine: deployed, dropped into, and watched.

moto plays the account: CloudFormation makes the stack, S3, SQS, SNS, EventBridge and Step Functions
answer as far as moto knows them. Functions and the Fargate task are no emulation: each runs its own
asset under AWS's runtime client with Python 3.13, in a root, with the memory and the processor that
the template gives it. ``docs/rehearsal.md`` says what this shows and what it cannot.
"""
