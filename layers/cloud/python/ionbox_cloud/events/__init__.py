"""What runs outside the state machine: drops in the inbox, the queue of runs, how runs end."""
