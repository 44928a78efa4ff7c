"""The scenarios say what is really there: every image is kept or deleted, and what ECS names is kept."""

import pytest

from account import Account
from in_use import digest_of, uses
from processes import moto_with_overlay, plain_moto
from scenarios import acceptance_repository, team_account, unaged_repository


@pytest.mark.parametrize(
    "server, scenario, kept, deleted",
    [
        (moto_with_overlay, acceptance_repository, 20, 6),
        (moto_with_overlay, team_account, 92, 19),
        (plain_moto, unaged_repository, 20, 5),
    ],
)
def test_a_scenario_accounts_for_every_image(server, scenario, kept, deleted):
    with server() as running:
        account = Account(running.endpoint, overlay=server is moto_with_overlay)
        expected = scenario(account)
        assert account.images() == expected.kept | expected.deleted
        assert (len(expected.kept), len(expected.deleted)) == (kept, deleted)
        assert not expected.kept & expected.deleted

        assert {(use.repository, digest_of(account, use)) for use in uses(account)} == expected.in_use
        assert expected.in_use <= expected.kept
