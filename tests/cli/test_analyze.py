"""`ekiben analyze`: lines in, verdicts out."""

import json

import pytest
from click.testing import CliRunner

from ekiben.analysis import Config, Histogram, initial, log_evidence, step
from ekiben.cli.analyze import analyze, judged, read

BOUNDS = [0.1, 1.0]


def line(name: object, canary: dict, baseline: dict, **more: object) -> str:
    return json.dumps({"id": name, "t": 1, "canary": canary, "baseline": baseline, "bounds": BOUNDS, **more})


def arm(n: int, err: int, **more: object) -> dict:
    return {"pods": {"a": {"n": n, "err": err, "hist": [n - err, 0, 0], **more}}}


BAD = [line(n, arm(20, 8), arm(180, 1)) for n in range(6)]
FINE = [line(n, arm(200, 0), arm(1800, 0)) for n in range(6)]


def run(lines: list[str], *options: str) -> list[dict]:
    result = CliRunner().invoke(analyze, options, input="\n".join(lines) + "\n")
    assert result.exit_code == 0, result.output
    return [json.loads(each) for each in result.output.splitlines()]


def test_a_line_for_each_block_with_the_verdict_and_its_numbers():
    said = run(BAD)
    assert [one["id"] for one in said] == [str(n) for n in range(6)]
    assert said[-1]["verdict"] == "regressed"
    assert said[-1]["because"].startswith("errors: ")
    assert set(said[0]["logE"]) == {"rollback", "promote"}
    assert run(FINE)[-1]["verdict"] == "not-worse"
    assert run(FINE[:1])[0]["verdict"] == "unknown"


def test_it_is_the_analysis_itself():
    state = initial(Config(), Histogram((), (0,)))
    for text, said in zip(BAD, run(BAD), strict=True):
        state, verdict = step(state, read(text)[1])
        assert said["logE"]["rollback"] == log_evidence(state)
        assert said["because"] == verdict.because


def test_streams_may_be_interleaved():
    mixed = [
        text
        for bad, fine in zip(BAD, FINE, strict=True)
        for text in (bad.replace('"id"', '"stream": "x", "id"'), fine.replace('"id"', '"stream": "y", "id"'))
    ]
    said = run(mixed)
    alone = {"x": run(BAD), "y": run(FINE)}
    for name, expected in alone.items():
        mine = [one for one in said if one["stream"] == name]
        assert [{**one, "stream": ""} for one in mine] == expected


def test_an_arm_may_be_counted_as_a_whole():
    whole = [
        line(n, {"n": 20, "err": 8, "hist": [12, 0, 0]}, {"n": 180, "err": 1, "hist": [179, 0, 0]}) for n in range(6)
    ]
    assert run(whole) == run(BAD)


def test_the_options_reach_the_analysis():
    assert run(BAD[:3], "--alpha", "0.5", "--error-tolerance", "1")[-1]["verdict"] == "regressed"
    assert run(BAD[:3], "--error-tolerance", "100")[-1]["verdict"] == "unknown"
    wrong = CliRunner().invoke(analyze, ["--alpha", "2"], input="")
    assert wrong.exit_code == 2
    assert "alpha lies between 0 and 1" in wrong.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 2: this is not JSON"),
        ("[]", "line 2: a line is a JSON object"),
        (line(None, arm(1, 0), arm(1, 0)), "line 2: id: a text or a whole number is needed"),
        (line(1, arm(1, 0), {"pods": {"p": {"n": 1, "err": -1}}}), "line 2: baseline.pods.p.err: a whole number"),
        (line(1, arm(1, 0), {"pods": {"p": {"n": 1.5}}}), "line 2: baseline.pods.p.n: a whole number"),
        (line(1, arm(1, 0), {"pods": {"p": {"errors": 1, "n": 1}}}), "line 2: baseline.pods.p.errors: no such field"),
        (line(1, arm(1, 0), 7), 'line 2: baseline: {"pods"'),
        (line(1, {"pods": {"p": {"n": 1, "err": 2}}}, arm(1, 0)), "line 2: block '1', canary, pod 'p': 2 errors among"),
        (line(1, arm(1, 0), arm(1, 0), bounds=[1, "x"]), "line 2: bounds[1]: a number is needed"),
        (line(1, arm(1, 0), arm(1, 0), t=float("nan")), "line 2: t: a number is needed"),
    ],
)
def test_an_error_says_line_and_field(text, message):
    result = CliRunner().invoke(analyze, input=f"{FINE[0]}\n{text}\n")
    assert result.exit_code == 1
    assert message in result.output


def test_blank_lines_and_repeated_blocks_change_nothing():
    once = list(judged(BAD[:2], Config()))
    again = list(judged([BAD[0], "\n", BAD[0], BAD[1]], Config()))
    assert again[1] == once[0]
    assert again[2] == once[1]


def test_a_weight_is_compared_with_the_requests():
    said = run([line(n, arm(60, 0), arm(90, 0), weight=0.1) for n in range(20)])
    assert "problem" not in said[0]
    assert (said[-1]["verdict"], said[-1]["problem"]) == ("unknown", "NotRandomised")


def test_what_passes_is_the_least_of_all_metrics():
    said = run(
        [
            line(n, arm(200, 0, rejected=20, hist=[180, 0, 0]), arm(1800, 0, rejected=180, hist=[1620, 0, 0]))
            for n in range(6)
        ]
    )
    assert said[-1]["logE"]["promote"] < run(FINE)[-1]["logE"]["promote"]
