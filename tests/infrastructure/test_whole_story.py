"""The examples from apply to destroy; see stories.py. They run beside the other tests, since Terraform mostly waits."""

import pytest


@pytest.mark.parametrize("example", ["simple", "complete"])
def test_an_example_from_apply_to_destroy(stories, example):
    stories[example].result()
