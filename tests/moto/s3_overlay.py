"""S3. Gap: moto takes no notice of conditions in bucket policies, so that one against plain HTTP or other callers closes the bucket.

A connection to moto is one without TLS and stands for one with it; whoever calls stands for one of those that may.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.s3.models import FakeBucket

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def install() -> None:
    FakeBucket.get_permission = _over_tls(FakeBucket.get_permission)


def _over_tls(original: Callable) -> Callable:
    def get_permission(self: FakeBucket, action: str, resource: str) -> Any:
        written = self.policy
        if written is None:
            return original(self, action, resource)
        policy = json.loads(written)
        policy["Statement"] = [one for one in policy["Statement"] if not _is_about_others(one.get("Condition", {}))]
        bucket = FakeBucket.__new__(FakeBucket)
        bucket.policy = json.dumps(policy).encode()
        return original(bucket, action, resource)

    return get_permission


def _is_about_others(condition: dict[str, Any]) -> bool:
    return condition == WITHOUT_TLS or "aws:PrincipalArn" in condition.get("ArnNotLike", {})
