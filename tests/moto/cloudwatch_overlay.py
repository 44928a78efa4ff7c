"""CloudWatch. Gap: moto keeps composite alarms, but does not know the call that makes them."""

from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse


def install() -> None:
    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm
    Alarm.alarm_rule = property(lambda self: self.rule)
