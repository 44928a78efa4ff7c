"""Accounts as teams have them, each with what a run in mode `delete` under the default rules has to leave.

The default rules keep `latest`, the 5 newest SNAPSHOT images, the 10 newest releases (every other tag), untagged images
for a day, and whatever is in use. Times are days before now.
"""

from typing import NamedTuple

from account import Account, Image, Repository


class Scenario(NamedTuple):
    kept: set[Image]
    deleted: set[Image]
    in_use: set[Image]


def acceptance_repository(account: Account) -> Scenario:
    """`team/app`: every default rule, and old images in use in each of the ways ECS can name one."""
    app = account.repository("team/app")
    latest = app.push("latest", days=100)
    snapshots = [app.push(f"1.14-SNAPSHOT-{n}", days=9 - n) for n in range(1, 9)]
    releases = [app.push(f"1.{minor}", days=150 - 10 * minor) for minor in range(14)]
    hotfix = app.push("prod", days=40, label="hotfix, was prod")
    app.tag(releases[13], "prod")
    leftover = app.push(days=30, label="untagged, old")
    settling = app.push(days=0.5, label="untagged, young")

    cluster = account.cluster("production")
    by_tag = account.task_definition("web", app.uri("1.2"))
    cluster.service("web", by_tag)
    by_digest = account.task_definition("worker", "example.com/sidecar:1", app.uri(releases[1]))
    cluster.service("worker", by_digest)
    # Deregistered, and still what the service starts its tasks from.
    account.ecs.deregister_task_definition(taskDefinition=by_digest)
    by_moved_tag = account.task_definition("api", app.uri("prod"))
    cluster.service("api", by_moved_tag)
    cluster.pin("api", by_moved_tag, (app.uri("prod"), hotfix))

    deleted = [*snapshots[:3], releases[0], releases[3], leftover]
    kept = [latest, *snapshots[3:], releases[1], releases[2], *releases[4:], hotfix, settling]
    in_use = [releases[2], releases[1], releases[13], hotfix]
    return Scenario(_of(app, kept), _of(app, deleted), _of(app, in_use))


def team_account(account: Account) -> Scenario:
    """Five repositories, two clusters, and a year of pushes."""
    web, checkout = account.repository("shop/web"), account.repository("shop/checkout")
    base, nightly = account.repository("platform/base"), account.repository("jobs/nightly")
    site = account.repository("docs/site")
    production, staging = account.cluster("production"), account.cluster("staging")

    # shop/web: what production runs is old, and two tags have moved since somebody started what they named.
    web_releases = [web.push(f"2.{minor}.0", days=185 - 14 * minor, size=180_000_000) for minor in range(14)]
    web.tag(web_releases[13], "latest")
    stable = web.push("stable", days=45, label="was stable", size=175_000_000)
    web.tag(web_releases[13], "stable")
    builds = [web.push(f"2.14.0-SNAPSHOT-{n}", days=9 - n, size=190_000_000) for n in range(1, 8)]
    preview = web.push("main-SNAPSHOT", days=12, label="was main-SNAPSHOT", size=190_000_000)
    main = web.push("main-SNAPSHOT", days=0.1, size=190_000_000)
    web_leftovers = [web.push(days=days, label=f"left over {days} days ago", size=190_000_000) for days in (50, 33, 20)]
    web_settling = web.push(days=0.5, label="pushed untagged today", size=190_000_000)
    production.service("web", account.task_definition("web", web.uri("2.2.0")), count=3)
    staging.service("web", account.task_definition("web-staging", web.uri("latest")))
    worker = account.task_definition("worker", web.uri("stable"))
    staging.service("worker", worker, count=0)
    staging.pin("worker", worker, (web.uri("stable"), stable))
    staging.task(account.task_definition("preview", web.uri("main-SNAPSHOT")), preview)

    # shop/checkout: signed releases; production pins one by digest.
    checkout_releases = [checkout.push(f"1.{minor}", days=240 - 20 * minor, size=120_000_000) for minor in range(12)]
    signatures = [checkout.sign(digest, days=240 - 20 * minor) for minor, digest in enumerate(checkout_releases)]
    checkout_builds = [checkout.push(f"1.12-SNAPSHOT-{n}", days=20 - 3 * n, size=125_000_000) for n in range(1, 7)]
    checkout_leftover = checkout.push(days=70, label="left over 70 days ago", size=120_000_000)
    pinned = account.task_definition("checkout", checkout.uri(checkout_releases[0]), "public.example.com/envoy:1.31")
    production.service("checkout", pinned, count=2)
    production.task(pinned, checkout_releases[0])

    # platform/base: releases for two platforms.
    base_releases = [base.push_index(f"{number}", days=360 - 28 * number, size=80_000_000) for number in range(1, 13)]
    base_orphan = base.push(days=380, label="child of an index that is gone", size=80_000_000)
    production.service("edge", account.task_definition("edge", base.uri("2")))

    # jobs/nightly: a job that runs once a night, and not now.
    nightly_releases = [nightly.push(f"0.{minor}", days=130 - 10 * minor, size=250_000_000) for minor in range(13)]
    account.task_definition("nightly-report", nightly.uri("0.1"))

    # docs/site: nothing to clean.
    site_images = [site.push("1.0", days=300), site.push("1.1", "latest", days=30)]

    deleted = (
        _of(web, [web_releases[0], web_releases[1], web_releases[3], *builds[:3], *web_leftovers])
        | _of(checkout, [checkout_releases[1], signatures[1], checkout_builds[0], checkout_leftover])
        | _of(base, [base_releases[0][0], *base_releases[0][1], base_orphan])
        | _of(nightly, [nightly_releases[0], nightly_releases[2]])
    )
    kept = (
        _of(web, [web_releases[2], *web_releases[4:], stable, *builds[3:], preview, main, web_settling])
        | _of(checkout, [checkout_releases[0], *checkout_releases[2:], signatures[0], *signatures[2:]])
        | _of(checkout, checkout_builds[1:])
        | _of(base, [digest for index, children in base_releases[1:] for digest in (index, *children)])
        | _of(nightly, [nightly_releases[1], *nightly_releases[3:]])
        | _of(site, site_images)
    )
    in_use = (
        _of(web, [web_releases[2], web_releases[13], stable, preview, main])
        | _of(checkout, [checkout_releases[0]])
        | _of(base, [base_releases[1][0]])
        | _of(nightly, [nightly_releases[1]])
    )
    return Scenario(kept, deleted, in_use)


def unaged_repository(account: Account) -> Scenario:
    """`team/app` on a plain moto, where every image was pushed within the last seconds.

    What is newest follows from the times moto gave: the latest push time first, then the digest.
    """
    app = account.repository("team/app")
    latest, children = app.push_index("latest", days=0)
    snapshots = [app.push(f"1.14-SNAPSHOT-{n}", days=0) for n in range(1, 9)]
    releases = [app.push(f"1.{minor}", days=0) for minor in range(14)]
    found = account.ecr.describe_images(repositoryName=app.name)["imageDetails"]
    images = {image["imageDigest"]: image for image in found}

    def newest_first(digests: list[str]) -> list[str]:
        return sorted(digests, key=lambda digest: (-images[digest]["imagePushedAt"].timestamp(), digest))

    snapshots, releases = newest_first(snapshots), newest_first(releases)
    cluster = account.cluster("production")
    by_tag = account.task_definition("web", app.uri(images[releases[12]]["imageTags"][0]))
    cluster.service("web", by_tag)
    cluster.task(by_tag)
    cluster.service("worker", account.task_definition("worker", app.uri(releases[13])))
    deleted = [*snapshots[5:], releases[10], releases[11]]
    kept = [latest, *children, *snapshots[:5], *releases[:10], releases[12], releases[13]]
    return Scenario(_of(app, kept), _of(app, deleted), _of(app, releases[12:]))


def _of(repository: Repository, digests: list[str]) -> set[Image]:
    return {(repository.name, digest) for digest in digests}
