"""The AWS stack: what ``cdk deploy`` installs. Imports nothing of what it deploys.

`cdk.app` starts it, `cdk.stack` puts it together: buckets (`cdk.storage`), functions
(`cdk.functions`, `cdk.functions_table`, `cdk.permissions`), the Fargate task (`cdk.sort_task`,
`cdk.bootstrap_task`), the state machine (`cdk.workflow`), the way in and out (`cdk.events`) and
alarms (`cdk.alarms`). `cdk.settings` is what a deployer may choose.
"""
