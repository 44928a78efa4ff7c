"""Configurations that the tests render, by name: mode, and the rest of the document."""

NOTHING = {"ecs": False, "eks": False, "lambda": False}
ECS = {**NOTHING, "ecs": {}}
BY_RULES_ALONE = {"allow_no_usage": True}
CONFIGURATIONS = {
    "plan": ("plan", {}),
    "delete": ("delete", {}),
    "archive": ("archive", {}),
    "plan, ECS alone": ("plan", {"in_use": ECS}),
    "delete, ECS alone": ("delete", {"in_use": ECS}),
    "plan, EKS alone": ("plan", {"in_use": {**NOTHING, "eks": {}}}),
    "plan, Lambda alone": ("plan", {"in_use": {**NOTHING, "lambda": {}}}),
    "plan, rules and schedules alone": ("plan", {"in_use": {**NOTHING, "services": ["eventbridge", "scheduler"]}}),
    "plan, by rules alone": ("plan", {"in_use": NOTHING}),
    "delete, by rules alone": ("delete", {"in_use": NOTHING, "guards": BY_RULES_ALONE}),
}
