"""When a route counts as acknowledged, and what is told when it is not taken."""

from ekiben.operator.routes import acknowledged


def route(*conditions, generation=3, parent=None):
    ref = {"name": "ekiben", "namespace": "gw"}
    parents = [{"parentRef": parent or ref, "conditions": list(conditions)}] if conditions else []
    return {
        "metadata": {"namespace": "shop", "generation": generation},
        "spec": {"parentRefs": [ref]},
        "status": {"parents": parents},
    }


def condition(kind, status="True", generation=3, reason="x", message="m"):
    return {"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": message}


def test_no_answer_yet():
    assert acknowledged(route()) == (False, "")


def test_accepted_at_this_generation():
    assert acknowledged(route(condition("Accepted"), condition("ResolvedRefs"))) == (True, "")


def test_accepted_at_an_earlier_generation_is_not_yet():
    assert acknowledged(route(condition("Accepted", generation=2))) == (False, "")
    # A refusal of an earlier generation says nothing about this one.
    assert acknowledged(route(condition("Accepted", "False", generation=2))) == (False, "")


def test_references_that_were_resolved_earlier_are_not_yet():
    seen = route(condition("Accepted"), condition("ResolvedRefs", generation=2))
    assert acknowledged(seen) == (False, "")


def test_another_gateways_answer_does_not_count():
    seen = route(condition("Accepted"), parent={"name": "other", "namespace": "gw"})
    assert acknowledged(seen) == (False, "")


def test_a_listener_or_a_port_is_a_parent_of_its_own():
    seen = route(condition("Accepted"), parent={"name": "ekiben", "namespace": "gw", "port": 8080})
    assert acknowledged(seen) == (False, "")
    seen["spec"]["parentRefs"][0] |= {"port": 8080, "kind": "Gateway"}
    assert acknowledged(seen) == (True, "")
    seen["spec"]["parentRefs"][0] |= {"kind": "Service"}
    assert acknowledged(seen) == (False, "")


def test_a_refusal_says_what_to_do():
    done, problem = acknowledged(route(condition("Accepted", "False", reason="NotAllowedByListeners")))
    assert not done
    assert "Gateway ekiben does not take the route: NotAllowedByListeners" in problem
    assert "allowedRoutes" in problem
    done, problem = acknowledged(
        route(condition("Accepted"), condition("ResolvedRefs", "False", reason="BackendNotFound"))
    )
    assert not done
    assert "BackendNotFound" in problem
