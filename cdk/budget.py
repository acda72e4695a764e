"""A budget of the stack: mails before and when a month costs more than was meant.

It counts what carries the stack's own tag, which AWS does once the tag is activated for cost
allocation. It stops nothing: ``max_dollars`` in the config of runs does.
"""

from __future__ import annotations

from aws_cdk import aws_budgets
from constructs import Construct

from cdk.settings import StackSettings

_WARNINGS = (("ACTUAL", 80), ("FORECASTED", 100))
"""What is compared with the budget, and at how many per cent a mail goes out."""


def make_budget(scope: Construct, settings: StackSettings) -> None:
    """Make the budget of the settings, if they have one."""
    if not settings.monthly_budget:
        return
    mail = aws_budgets.CfnBudget.SubscriberProperty(
        subscription_type="EMAIL", address=settings.notification_email
    )
    budget = aws_budgets.CfnBudget(
        scope,
        "Budget",
        budget=aws_budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=aws_budgets.CfnBudget.SpendProperty(
                amount=settings.monthly_budget, unit="USD"
            ),
            cost_filters={"TagKeyValue": [f"user:stack${settings.stack_name}"]},
        ),
        notifications_with_subscribers=[
            aws_budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=aws_budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[mail],
            )
            for kind, percent in _WARNINGS
        ],
    )
    budget.override_logical_id("Budget")
