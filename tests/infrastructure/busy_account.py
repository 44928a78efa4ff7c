"""A team's account, with what else leads to calls that its images alone do not."""

from scenarios import team_account

DEPLOYMENT = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/{}/{}/1"


def busy_account(account):
    expected = team_account(account)
    roll_out(account, "production", "web")
    return expected


def roll_out(account, cluster, service):
    """A service deployment, which the service names as its current one."""
    arn = DEPLOYMENT.format(cluster, service)
    account.control(
        "service",
        cluster=cluster,
        service=service,
        attributes={"current_service_deployment": arn},
        deployments=[{"serviceDeploymentArn": arn, "status": "SUCCESSFUL"}],
    )
