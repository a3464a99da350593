"""Jobs as RunPod hands them out: one that cannot be read hurts no other."""

import json
import time

import pytest

from deployments.endpoint.intake import read

GOOD = {"id": "good", "input": {"text": 'A brace } and a "quote" and a \\ in a text.'}}


def batch(*jobs):
    return ("[" + ",".join(job if isinstance(job, str) else json.dumps(job) for job in jobs) + "]").encode()


def test_one_job_and_several_are_read():
    assert [offer.job for offer in read(json.dumps(GOOD).encode())] == [GOOD]
    assert [offer.id for offer in read(batch(GOOD, {"id": "b", "input": None}))] == ["good", "b"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[" * 1500 + "]" * 1500, "recursion limit"),
        ('{"a":' * 1500 + "1" + "}" * 1500, "recursion limit"),
        ("9" * 5000, "number out of range"),
        (r'"\ud800"', "hex escape"),
        ("nonsense", "expected"),
    ],
)
def test_a_job_that_cannot_be_read_fails_alone(value, reason):
    bad = f'{{"id": "bad", "input": {{"text": {value}}}}}'
    for jobs in ((bad, GOOD), (GOOD, bad), (GOOD, bad, {**GOOD, "id": "other"})):
        offers = {offer.id: offer for offer in read(batch(*jobs))}
        assert len(offers) == len(jobs)
        assert reason in offers["bad"].problem
        assert offers["bad"].job == {"id": "bad"}
        assert offers["good"].job == GOOD
        assert offers["good"].problem is None


def test_an_id_inside_the_input_is_not_taken_for_the_jobs_own():
    bad = '{"input": {"id": "inner", "text": ' + "[" * 300 + "]" * 300 + '}, "id": "outer"}'
    assert [offer.id for offer in read(batch(bad))] == ["outer"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_of_an_answer_that_broke_off_the_whole_jobs_are_done_and_the_rest_fails(cut):
    whole = batch(GOOD, {**GOOD, "id": "second"})
    offers = read(whole[:-cut])
    assert [offer.id for offer in offers] == ["good", "second"]
    assert offers[0].job == GOOD
    assert offers[1].problem is not None or offers[1].job["id"] == "second"


def test_what_has_no_id_or_comes_twice_is_left_out():
    offers = read(batch(7, "null", {"input": {}}, {"id": 5, "input": {}}, {"id": "", "input": {}}, GOOD, GOOD))
    assert [offer.id for offer in offers] == ["good"]


@pytest.mark.parametrize(
    "answer", [b"", b"<html>busy</html>", b"{}", b"[]x", b'{"error": "busy"}', b"\xff\xfe", b"null"]
)
def test_an_answer_without_a_job_says_so(answer):
    with pytest.raises(ValueError, match="no job in"):
        read(answer)


@pytest.mark.service
def test_ten_megabytes_of_brackets_are_looked_through_in_linear_time():
    def seconds(size):
        began = time.thread_time()
        assert read(b'[{"id": "deep", "input": ' + b"[" * size)[0].id == "deep"
        return time.thread_time() - began

    seconds(100_000)
    assert seconds(4_000_000) < 100 * seconds(400_000)
