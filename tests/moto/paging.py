"""Pages as AWS gives them: a limit within bounds and an opaque token for the rest."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

# Makes a service's own InvalidParameterException: moto finds the service in the exception's class.
Refusal = Callable[[str], Exception]


class Page(NamedTuple):
    items: list
    next_token: str | None

    def answer(self, key: str) -> dict[str, Any]:
        answer: dict[str, Any] = {key: self.items}
        if self.next_token:
            answer["nextToken"] = self.next_token
        return answer


def at_most(limit: int, items: list | None, name: str, invalid: Refusal) -> None:
    if items and len(items) > limit:
        raise invalid(f"{name} must have at most {limit} entries, not {len(items)}")


def page(items: list, max_results: Any, token: str | None, default: int, limit: int, invalid: Refusal) -> Page:
    size = default if max_results is None else int(max_results)
    if not 1 <= size <= limit:
        raise invalid(f"maxResults must be between 1 and {limit}, not {size}")
    start = _offset(token, invalid)
    end = start + size
    return Page(items[start:end], _token(end) if end < len(items) else None)


def _token(offset: int) -> str:
    return base64.b64encode(f"offset {offset}".encode()).decode()


def _offset(token: str | None, invalid: Refusal) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True).decode().removeprefix("offset "))
    except (binascii.Error, ValueError) as error:
        raise invalid(f"nextToken is not one of ours: {token!r}") from error
