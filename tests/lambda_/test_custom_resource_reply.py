"""CloudFormation always gets an answer, in the form that its pre-signed URL takes."""

import json
import urllib.error

import pytest

from functions.custom_resource.reply import reply_with


def _event(url: str, **more) -> dict[str, str]:
    return {
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Live",
        "ResponseURL": url,
        **more,
    }


def test_success_is_put_with_the_ids_of_the_request(cloudformation):
    reply_with(_event(cloudformation.url), lambda: ("physical", {"Arn": "arn"}))
    assert cloudformation.answer == {
        "Status": "SUCCESS",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Live",
        "PhysicalResourceId": "physical",
        "Data": {"Arn": "arn"},
    }


def test_the_content_type_is_empty_as_the_url_was_signed(cloudformation):
    """Amazon S3 answers 403 to any other, because the header is part of the signature."""
    reply_with(_event(cloudformation.url), lambda: ("physical", {}))
    ((headers, body),) = cloudformation.puts
    assert headers["content-type"] == ""
    assert headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in headers


def test_a_failure_is_answered_with_its_reason_and_never_raised(cloudformation):
    def work():
        raise ValueError("'base' should exist")

    reply_with(_event(cloudformation.url, PhysicalResourceId="physical"), work)
    assert cloudformation.answer["Status"] == "FAILED"
    assert cloudformation.answer["Reason"] == "ValueError: 'base' should exist"
    assert cloudformation.answer["PhysicalResourceId"] == "physical"


def test_a_failed_creation_still_names_a_physical_id(cloudformation):
    reply_with(_event(cloudformation.url), lambda: {}["nothing"])
    assert cloudformation.answer["PhysicalResourceId"] == "Live"


@pytest.mark.parametrize("character", ["a", "ä", "\N{LOCK}", "\0"], ids=ascii)
def test_a_long_reason_is_cut_to_what_cloudformation_takes(cloudformation, character):
    def work():
        raise ValueError(2_000 * character)

    reply_with(_event(cloudformation.url, PhysicalResourceId="p" * 1_000), work)
    size = len(cloudformation.puts[0][1])
    assert size <= 4_096
    assert cloudformation.answer["Reason"].startswith(f"ValueError: {character}")
    if character == "a":  # a reason in plain letters is not cut before the limit makes it so
        assert cloudformation.answer["Reason"] == "ValueError: " + 2_000 * character


def test_a_dropped_connection_is_tried_again(cloudformation):
    cloudformation.drops = 2
    reply_with(_event(cloudformation.url), lambda: ("physical", {}))
    assert [json.loads(body)["Status"] for _, body in cloudformation.puts] == ["SUCCESS"]


def test_fails_on_a_url_that_never_answers_so_that_the_function_is_seen_to_fail(cloudformation):
    cloudformation.drops = 3
    with pytest.raises((OSError, urllib.error.URLError)):
        reply_with(_event(cloudformation.url), lambda: ("physical", {}))
    assert cloudformation.puts == []
