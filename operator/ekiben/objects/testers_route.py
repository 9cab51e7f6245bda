"""The HTTPRoute by which testers reach a revision where a user's own route leads: his rules, with their header added.

Gateway API prefers, of rules for the same host, path and method, the one that matches more headers. So who sends the
header is taken by this route, everybody else by the user's, in which nothing is changed for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Testers

from .httproute import attached, mirrored_by, tester_header
from .names import child_name
from .users_route import Rule, View, backend

Json = dict[str, Any]
# Gateway API's limit for one match. It limits rules and matches too: of these there are never more than the user has.
_MOST_HEADERS = 16
_EVERYTHING: Json = {"path": {"type": "PathPrefix", "value": "/"}}


def name_of(name: str) -> str:
    """Return the name of a resource's route for testers; no revision's, which is a letter longer."""
    return f"{name}-testers"


def render(
    resource: ModelDeployment, route: Mapping[str, Any], view: View, testers: Testers, revision: str
) -> Json | None:
    """Return the route beside the user's that leads those with the header to the revision.

    None where there is nothing that it could hang on, or no request that it could tell apart.
    """
    spec, name = route["spec"], resource.metadata.name
    rules = [
        _rule(name, rule, spec["rules"][rule.index], matches, revision)
        for rule in view.rules
        if not rule.problem and (matches := _matches(spec["rules"][rule.index], testers))
    ]
    parents = spec.get("parentRefs") or ()
    if not rules or not parents:
        return None
    hostnames = {"hostnames": list(spec["hostnames"])} if spec.get("hostnames") else {}
    return attached(resource, name_of(name), parents, {**hostnames, "rules": rules})


def problems(route: Mapping[str, Any], view: View, testers: Testers) -> list[str]:
    """Return the rules in which testers cannot be told apart, and what to do, in plain English."""
    return [
        text
        for rule in view.rules
        if not rule.problem
        for text in _problems(rule.shown, route["spec"]["rules"][rule.index], testers)
    ]


def _problems(shown: str, rule: Mapping[str, Any], testers: Testers) -> Iterator[str]:
    matches = rule.get("matches") or ()
    if any(_asks_for(match, testers) for match in matches):
        yield (
            f"{shown} matches the header {testers.header} itself and decides alone who is meant: choose another header "
            "in spec.rollout.testers"
        )
    elif any(_full(match) for match in matches):
        yield (
            f"{shown} matches {_MOST_HEADERS} headers already, and Gateway API allows no more: match one less, or take "
            "testers out of spec.rollout"
        )


def _matches(rule: Mapping[str, Any], testers: Testers) -> list[Json]:
    return [
        {**match, "headers": [*(match.get("headers") or ()), tester_header(testers)]}
        for match in rule.get("matches") or (_EVERYTHING,)
        if not _asks_for(match, testers) and not _full(match)
    ]


def _asks_for(match: Mapping[str, Any], testers: Testers) -> bool:
    """Whether a match names the header: no match may do so twice, and names of headers have no case."""
    return any(one.get("name", "").lower() == testers.header.lower() for one in match.get("headers") or ())


def _full(match: Mapping[str, Any]) -> bool:
    return len(match.get("headers") or ()) >= _MOST_HEADERS


def _rule(name: str, rule: Rule, live: Mapping[str, Any], matches: list[Json], revision: str) -> Json:
    # Copies are for what is split by weight; testers reach the new revision anyway.
    filters = [one for one in rule.filters if mirrored_by(name, one) is None]
    kept = {key: live[key] for key in ("timeouts", "retry") if key in live}
    return {
        "matches": matches,
        **({"filters": filters} if filters else {}),
        "backendRefs": [backend(rule, child_name(name, revision), 100)],
        **kept,
    }
