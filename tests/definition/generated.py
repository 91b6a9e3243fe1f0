"""Valid definitions of any nesting, for properties; their ids are made by the check."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.definition.support import check

Json = dict[str, Any]

# However busy the machine is.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80
)
SIGNS = st.text('"[](){}<>|#;&`*_~$%@:\\/\n-.=! aendsubgraph', min_size=1, max_size=30)
NAMES = ANY_TEXT | SIGNS
CONDITIONS = (
    st.booleans()
    | st.integers(0, 9).map(lambda n: f"{{{{ trigger.body.a > {n} }}}}")
    | st.just("{{ trigger.body.name == '\"]|<b>#35;`' }}")
)


def _branches(sequences: list[list[Json]]) -> list[Json]:
    return [{"id": f"b{n}", "steps": steps} for n, steps in enumerate(sequences)]


def _sequences(steps: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    return st.lists(steps, min_size=1, max_size=3)


def _step(**keys: Any) -> st.SearchStrategy[Json]:
    optional = {"name": NAMES, "if": CONDITIONS, "on_error": st.just("continue")}
    return st.fixed_dictionaries(
        {key: v if isinstance(v, st.SearchStrategy) else st.just(v) for key, v in keys.items()},
        optional=optional,
    )


_SIMPLE = (
    _step(type="set", config={"values": {"a": 1}})
    | _step(type="delay", config={"seconds": "PT5M"}, retry={"max_attempts": 3})
    | _step(type="workflow", config={"workflow": 'ship "it"]', "wait": False})
    | _step(type="wait", config={"approve": True, "timeout": "P2D"})
)


def _blocks(steps: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    some = _sequences(steps)
    cases = st.lists(st.fixed_dictionaries({"if": CONDITIONS, "steps": some}), min_size=1)
    return (
        _step(type="foreach", config={"items": [1, 2], "concurrency": 2}, steps=some)
        | _step(type="parallel", branches=st.lists(some, min_size=1, max_size=3).map(_branches))
        | _step(type="switch", cases=cases)
        | _step(type="switch", cases=cases, default=some)
        | _step(type="wait", steps=some)
        | st.tuples(steps, some).map(lambda pair: {**pair[0], "on_error": {"steps": pair[1]}})
    )


_STEPS = st.recursive(_SIMPLE, _blocks, max_leaves=8)
DEFINITIONS = st.fixed_dictionaries(
    {
        "name": NAMES.map(lambda name: "".join(c for c in name if c >= " " and c != "/") or "x"),
        "steps": _sequences(_STEPS),
    },
    optional={
        "description": NAMES,
        "on_failure": _sequences(_STEPS),
        "triggers": st.just([{"type": "webhook"}, {"type": "manual"}]),
        "timeout": st.just("P1D"),
        "concurrency": st.just({"limit": 2, "key": "{{ trigger.body.a }}"}),
    },
).map(check)
