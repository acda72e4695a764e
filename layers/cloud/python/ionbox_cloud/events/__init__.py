"""What runs outside the state machine: drops in the inbox, the queue of runs, how runs end.

Intake finds out what was dropped (`drops`), claims it (`claims`) and queues a run (`run_queue`);
StartRuns starts it when there is room (`executions`); AnnounceEnd makes its status right and tells
people and programs (`run_end`, `notices`).
"""
