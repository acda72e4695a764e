"""The AWS stack: what ``cdk deploy`` installs. Imports nothing of what it deploys."""
