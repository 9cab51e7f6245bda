"""An HTTPRoute of the user's own: the one entry in its rules that is ekiben's to change, and everything else not.

At rest that entry is the Service NAME, as the user wrote it. While a rollout runs the Services of the revisions stand
in its place. Their weights add up to a hundred times the weight that the user gave NAME: so the entry can be put back
as it was without a note of it anywhere, and a rule in which the user named a revision's Service himself is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ekiben.api.base import KIND

from .httproute import mirror_filter, mirrored_by
from .names import child_name, revision_from

Json = dict[str, Any]
_HUNDRED = 100
_SPLIT = 2
# The largest weight in Gateway API is 1,000,000.
_LARGEST = 10_000


@dataclass(frozen=True)
class Rule:
    """A rule in which the resource has an entry."""

    index: int
    shown: str
    """The rule in words."""
    entries: tuple[Mapping[str, Any], ...]
    filters: tuple[Mapping[str, Any], ...]
    weights: Mapping[str, int]
    """Revision -> per cent; empty where the entry is the Service NAME."""
    places: Mapping[str, int]
    """Revision -> which of the entries is its; empty where one has several."""
    mirror: str | None
    """The revision that gets copies of its requests."""
    unit: int
    """Weight that the user gave NAME."""
    problem: str
    """Why it cannot be changed."""


@dataclass(frozen=True)
class View:
    """What of a user's HTTPRoute concerns the resource."""

    rules: tuple[Rule, ...]
    problem: str
    """Why the route cannot be used at all; empty where it can."""

    @property
    def at_rest(self) -> bool:
        """Whether every entry is the Service NAME."""
        return all(not rule.weights for rule in self.rules)

    @property
    def alike(self) -> bool:
        """Whether all rules say the same: they are changed together, so otherwise somebody changed one of them."""
        named = [tuple(sorted((one, weight) for one, weight in rule.weights.items() if weight)) for rule in self.rules]
        return len({(one, rule.mirror) for one, rule in zip(named, self.rules, strict=True)}) <= 1

    @property
    def unsplittable(self) -> str:
        """Why the entry cannot be changed; empty where it can."""
        return "; ".join(rule.problem for rule in self.rules if rule.problem)

    def weights(self, selected: str | None) -> dict[str, int]:
        """Return revision -> per cent, the most of any rule, where the Service NAME selects this revision."""
        at_rest = {selected: _HUNDRED} if selected is not None else {}
        each = [dict(rule.weights) or at_rest for rule in self.rules]
        return reduce(_most, each, {})


def read(route: Mapping[str, Any], name: str, namespace: str) -> View:
    """Read what concerns the ModelDeployment `name` in a user's HTTPRoute."""
    meta = route.get("metadata", {})
    shown = f"HTTPRoute {meta.get('name', '')}"
    if any(owner.get("kind") == KIND for owner in meta.get("ownerReferences") or ()):
        problem = f"{shown} was made by ekiben for a {KIND}: name a route of your own in spec.traffic.httpRoute"
        return View((), problem)
    listed = enumerate(route.get("spec", {}).get("rules") or ())
    rules = tuple(rule for index, one in listed if (rule := _rule(index, one, name, namespace, shown)) is not None)
    problem = (
        "" if rules else f"no rule of {shown} has Service {name} as its backend: give one of its rules this backend"
    )
    return View(rules, problem)


def sticky(route: Mapping[str, Any], name: str, namespace: str) -> bool:
    """Whether a rule that leads to the ModelDeployment sends each session's requests to the same pod."""
    rules = route.get("spec", {}).get("rules") or ()
    return any(rules[one.index].get("sessionPersistence") for one in read(route, name, namespace).rules)


def patch(
    route: Mapping[str, Any],
    view: View,
    name: str,
    weights: Sequence[tuple[str, int]],
    mirror: tuple[str, int] | None = None,
) -> list[Json]:
    """Return the JSON patch that gives the revisions these shares, per cent; none means back to the Service NAME.

    It takes effect only on exactly the route that was read. Empty where there is nothing to change. In rules that have
    a problem at most requests are taken from the canary: nothing of anybody else's changes by that.
    """
    changes: list[Json] = []
    for rule in view.rules:
        if rule.problem:
            changes += (*_take_away(rule, weights), *(_change_mirror(rule, name, None) if mirror is None else ()))
        else:
            changes += (*_change_entries(rule, name, weights), *_change_mirror(rule, name, mirror))
    if not changes:
        return []
    return [_test("/metadata/resourceVersion", route["metadata"]["resourceVersion"]), *changes]


def backend(rule: Rule, service: str, weight: int) -> Json:
    """Return an entry for another Service, with what the user wrote in his besides."""
    kept = {key: value for key, value in rule.entries[0].items() if key not in ("name", "weight")}
    return {**kept, "name": service, "weight": weight}


def _rule(index: int, rule: Mapping[str, Any], name: str, namespace: str, route: str) -> Rule | None:
    entries = tuple(rule.get("backendRefs") or ())
    stable = [one for one in entries if _service(one, namespace) == name and _weight(one) > 0]
    revisions = [
        (revision, place)
        for place, one in enumerate(entries)
        if (revision := revision_from(name, _service(one, namespace) or "")) is not None
    ]
    total = sum(_weight(entries[place]) for _, place in revisions)
    split = total > 0 and total % _HUNDRED == 0
    if not stable and not split:
        return None
    unit = total // _HUNDRED if not stable else _weight(stable[0])
    ours = stable or [entries[place] for _, place in revisions]
    alone = not stable and len({revision for revision, _ in revisions}) == len(revisions)
    shown = f"rule {rule.get('name') or index + 1} of {route}"
    return Rule(
        index=index,
        shown=shown,
        entries=entries,
        filters=tuple(rule.get("filters") or ()),
        weights={} if stable else {one: _weight(entries[place]) * _HUNDRED // total for one, place in revisions},
        places=dict(revisions) if alone else {},
        mirror=next((found for one in rule.get("filters") or () if (found := mirrored_by(name, one))), None),
        unit=unit,
        problem=_problem(shown, name, entries, ours, unit),
    )


def _problem(
    shown: str, name: str, entries: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], unit: int
) -> str:
    others = sorted({str(one.get("name", "")) for one in entries if one not in ours})
    if others:
        return (
            f"{shown} has other backends ({', '.join(others)}) beside Service {name}, and shares of shares cannot be "
            f"told apart: give {name} a rule of its own"
        )
    if any(_service(one, None) == name for one in ours) and len(ours) > 1:
        return f"{shown} has Service {name} more than once: keep one of these entries"
    if unit > _LARGEST:
        return f"{shown} gives Service {name} weight {unit}: write at most {_LARGEST}, so that it can be split"
    return ""


def _change_entries(rule: Rule, name: str, weights: Sequence[tuple[str, int]]) -> Iterable[Json]:
    shares = [(child_name(name, revision), share * rule.unit) for revision, share in weights] or [(name, rule.unit)]
    wanted = [backend(rule, service, weight) for service, weight in shares]
    if [_key(one) for one in wanted] == [_key(one) for one in rule.entries]:
        return
    path = f"/spec/rules/{rule.index}/backendRefs"
    for index, one in enumerate(rule.entries):
        yield _test(f"{path}/{index}/name", one.get("name", ""))
    yield {"op": "replace", "path": path, "value": wanted}


def _take_away(rule: Rule, weights: Sequence[tuple[str, int]]) -> Iterable[Json]:
    """Give the stable revision what another one is not to have any more; together they keep what they had."""
    if len(weights) < _SPLIT or {revision for revision, _ in weights} != rule.places.keys():
        return
    (stable, _), *others = weights
    shares = {revision: min(share, rule.weights[revision]) for revision, share in others}
    if all(share == rule.weights[revision] for revision, share in shares.items()):
        return
    shares[stable] = _HUNDRED - sum(shares.values())
    for revision, share in shares.items():
        path = f"/spec/rules/{rule.index}/backendRefs/{rule.places[revision]}"
        yield _test(f"{path}/name", rule.entries[rule.places[revision]]["name"])
        yield {"op": "add", "path": f"{path}/weight", "value": share * rule.unit}


def _change_mirror(rule: Rule, name: str, mirror: tuple[str, int] | None) -> Iterable[Json]:
    wanted = mirror_filter(name, *mirror) if mirror is not None else None
    ours = [index for index, one in enumerate(rule.filters) if mirrored_by(name, one) is not None]
    path = f"/spec/rules/{rule.index}/filters"
    if wanted is not None and [_copies(rule.filters[index]) for index in ours] == [_copies(wanted)]:
        return
    for index in reversed(ours):
        target = rule.filters[index]["requestMirror"]["backendRef"]["name"]
        yield _test(f"{path}/{index}/requestMirror/backendRef/name", target)
        yield {"op": "remove", "path": f"{path}/{index}"}
    left = len(rule.filters) - len(ours)
    if wanted is not None:
        # After a removal the list is there, though empty; a rule without filters has none.
        yield (
            {"op": "add", "path": f"{path}/-", "value": wanted}
            if rule.filters
            else {"op": "add", "path": path, "value": [wanted]}
        )
    elif ours and not left:
        yield {"op": "remove", "path": path}


def _copies(one: Mapping[str, Any]) -> tuple[str, int]:
    mirror = one["requestMirror"]
    return str(mirror["backendRef"]["name"]), int(mirror.get("percent", _HUNDRED))


def _key(entry: Mapping[str, Any]) -> tuple[str, int]:
    return str(entry.get("name", "")), _weight(entry)


def _weight(entry: Mapping[str, Any]) -> int:
    return int(entry.get("weight", 1))


def _service(entry: Mapping[str, Any], namespace: str | None) -> str | None:
    """Return the name of the Service that an entry names in this namespace; None where it names something else."""
    if (entry.get("group") or "", entry.get("kind") or "Service") != ("", "Service"):
        return None
    if namespace is not None and (entry.get("namespace") or namespace) != namespace:
        return None
    return str(entry.get("name", ""))


def _most(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in [*one, *(key for key in other if key not in one)]}


def _test(path: str, value: Any) -> Json:
    return {"op": "test", "path": path, "value": value}
