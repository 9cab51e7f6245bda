"""The annotation is written once, on the version that was read, and its answer is waited for."""

import asyncio
from functools import partial

import pytest
from tests.cli.fake import Api
from tests.cli.statuses import NAMES, STATES, at, decision, resource, revision, rollout

from ekiben.api.request import REQUEST_ANNOTATION, Request, Verb
from ekiben.cli.requests.choose import Chosen, RefusedError, choose
from ekiben.cli.requests.send import Sender, pending
from ekiben.cli.seen import Seen, seen
from ekiben.cluster.errors import ConflictError, NotFoundError


def promote(one: Seen) -> Chosen:
    return choose(Verb.PROMOTE, one)


def sender(api: Api) -> Sender:
    return Sender(api, "shop", "iris", poll=0)


async def test_the_annotation_names_verb_revision_and_id_and_the_version_that_was_read() -> None:
    api = Api(STATES["step"], after=3)
    request = await sender(api).write(promote, "abc")
    assert api.annotation == request.text() == f"promote {NAMES[3]} abc"
    assert api.patches == [
        {"metadata": {"resourceVersion": "7", "annotations": {REQUEST_ANNOTATION: f"promote {NAMES[3]} abc"}}}
    ]
    answer = await sender(api).answer(request, timeout=5)
    assert answer is not None
    assert (answer.id, answer.outcome) == ("abc", "Done")


async def test_after_a_conflict_it_is_read_and_chosen_again() -> None:
    api = Api(STATES["step"])
    api.conflicts = 3
    await sender(api).write(promote, "abc")
    assert len(api.patches) == 1


async def test_a_resource_that_never_stands_still_is_given_up() -> None:
    api = Api(STATES["step"])
    api.conflicts = 1000
    with pytest.raises(ConflictError):
        await sender(api).write(promote, "abc")
    assert api.patches == []


async def test_a_lost_answer_is_no_second_request() -> None:
    api = Api(STATES["step"])
    api.lost_answers = 1
    request = await sender(api).write(promote, "abc")
    assert api.annotation == request.text()
    assert len(api.patches) == 1


async def test_what_was_agreed_to_is_refused_when_another_revision_took_its_place() -> None:
    api = Api(STATES["step"])
    status = STATES["step"]["status"]

    class Overtaken(Api):
        def change(self) -> None:
            super().change()
            changed = {"canary": revision(4, 5), "rollout": rollout(4)}
            self.resource["status"] = status | changed | {"decisions": [decision(-1, 4, "RolloutStarted", "")]}

    api = Overtaken(STATES["step"])
    api.conflicts = 1
    with pytest.raises(RefusedError, match="revision 4"):
        await sender(api).write(partial(choose, Verb.PROMOTE, revision=NAMES[3]), "abc")
    assert api.patches == []


async def test_a_request_that_waits_for_the_operator_gets_its_turn_first() -> None:
    waiting = Request(Verb.PAUSE, NAMES[3], "first").text()
    api = Api(resource(STATES["step"]["status"], annotations={REQUEST_ANNOTATION: waiting}))
    await sender(api).write(promote, "second", patience=30)
    assert [one["id"] for one in api.resource["status"]["requests"]] == ["first"]
    assert api.annotation == f"promote {NAMES[3]} second"


async def test_a_request_that_nobody_answers_is_replaced_in_the_end() -> None:
    waiting = Request(Verb.PAUSE, NAMES[3], "first").text()
    api = Api(resource(STATES["step"]["status"], annotations={REQUEST_ANNOTATION: waiting}), outcome="")
    await sender(api).write(promote, "second", patience=0)
    assert api.annotation == f"promote {NAMES[3]} second"


async def test_no_answer_is_none() -> None:
    api = Api(STATES["step"], outcome="")
    request = await sender(api).write(promote, "abc")
    assert await sender(api).answer(request, timeout=0) is None


async def test_two_senders_at_once_do_not_overwrite_each_other_unread() -> None:
    api = Api(STATES["step"])
    await asyncio.gather(
        sender(api).write(promote, "one"), sender(api).write(lambda found: choose(Verb.PAUSE, found), "two")
    )
    assert len(api.patches) == 2, "the second was written on what the first had left"
    assert api.patches[0]["metadata"]["resourceVersion"] != api.patches[1]["metadata"]["resourceVersion"]


async def test_a_resource_that_is_missing_is_told_with_the_way_to_see_those_there_are() -> None:
    with pytest.raises(NotFoundError, match="There is no ModelDeployment 'rose' in namespace 'shop'"):
        await Sender(Api(STATES["step"]), "shop", "rose").read()


def test_only_a_request_without_an_answer_is_pending() -> None:
    status = STATES["step"]["status"]
    text = Request(Verb.PAUSE, NAMES[3], "first").text()
    asked = {REQUEST_ANNOTATION: text}
    assert pending(seen(resource(status))) is None
    assert pending(seen(resource(status, annotations={REQUEST_ANNOTATION: "nonsense"}))) is None
    found = pending(seen(resource(status, annotations=asked)))
    assert found is not None
    assert found.id == "first"
    answered = {"id": "first", "verb": "pause", "revision": NAMES[3], "outcome": "Done", "message": "", "at": at(0)}
    assert pending(seen(resource(status | {"requests": [answered]}, annotations=asked))) is None
