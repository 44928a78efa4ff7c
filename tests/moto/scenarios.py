"""Accounts as teams have them, each with what a run in mode `delete` under the default rules has to leave.

The default rules keep `latest`, the 5 newest SNAPSHOT images, the 10 newest releases (every other tag), and whatever is in
use. Only what moto can do is in them: it deletes the image that a tag moves away from, and answers nothing for an untagged
image that is deleted. tests/demo has the whole of it.
"""

from typing import NamedTuple

from account import Account, Image


class Scenario(NamedTuple):
    kept: set[Image]
    deleted: set[Image]


def app_repository(account: Account, name: str = "team/app") -> Scenario:
    """An index, builds and releases, of which the two oldest are in use, by a tag and by a digest.

    What is newest follows from the times moto gives: the latest push time first, then the digest.
    """
    app = account.repository(name)
    latest, children = app.push_index("latest", days=200)
    snapshots = [app.push(f"1.14-SNAPSHOT-{n}", days=9 - n) for n in range(1, 9)]
    releases = [app.push(f"1.{minor}", days=150 - 10 * minor) for minor in range(14)]
    found = account.ecr.describe_images(repositoryName=name)["imageDetails"]
    images = {image["imageDigest"]: image for image in found}

    def newest_first(digests: list[str]) -> list[str]:
        return sorted(digests, key=lambda digest: (-images[digest]["imagePushedAt"].timestamp(), digest))

    snapshots, releases = newest_first(snapshots), newest_first(releases)
    cluster = account.cluster(name.replace("/", "-"))
    by_tag = account.task_definition(f"{cluster.name}-web", app.uri(images[releases[12]]["imageTags"][0]))
    cluster.service("web", by_tag)
    cluster.task(by_tag)
    by_digest = account.task_definition(f"{cluster.name}-worker", app.uri(releases[13]))
    cluster.service("worker", by_digest)
    # Deregistered, and still what the service starts its tasks from.
    account.ecs.deregister_task_definition(taskDefinition=by_digest)
    deleted = {(name, digest) for digest in [*snapshots[5:], *releases[10:12]]}
    kept = {(name, digest) for digest in [latest, *children, *snapshots[:5], *releases[:10], *releases[12:]]}
    return Scenario(kept, deleted)


def team_account(account: Account) -> Scenario:
    """Three such repositories, and one with nothing to delete."""
    all_of_them = [app_repository(account, name) for name in ("shop/web", "shop/checkout", "jobs/nightly")]
    site = account.repository("docs/site")
    kept = {(site.name, digest) for digest in (site.push("1.0", days=300), site.push("1.1", days=30))}
    return Scenario(kept.union(*(one.kept for one in all_of_them)), set().union(*(one.deleted for one in all_of_them)))
