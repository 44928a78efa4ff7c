"""The few gaps of moto 5.2.5 that keep a service from being reached at all, closed in this process; one file a service.

It is for one version of moto, the one in requirements.txt. test_overlay.py and test_services.py prove every patch
through boto3, tests/infrastructure those of a deployment through Terraform.
"""

from moto import __version__

import cloudwatch_overlay
import ecr_overlay
import ecs_overlay
import lambda_overlay
import logs_overlay
import s3_overlay
import services_overlay
from control import Control

PATCHED_VERSION = "5.2.5"


def install(endpoint: str, control: Control) -> None:
    """`endpoint` is where this moto will be reached, by the functions that it runs too."""
    if __version__ != PATCHED_VERSION:
        raise RuntimeError(f"the overlay is for moto {PATCHED_VERSION}, this is {__version__}")
    cloudwatch_overlay.install()
    ecr_overlay.install()
    ecs_overlay.install()
    lambda_overlay.install(endpoint, control)
    logs_overlay.install()
    s3_overlay.install()
    services_overlay.install()
