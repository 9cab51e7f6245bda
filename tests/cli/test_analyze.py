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
    assert [one["id"] for one in said] == list(range(6))
    assert said[-1]["verdict"] == "regressed"
    assert said[-1]["because"].startswith("errors: ")
    assert set(said[0]["logE"]) == {"rollback", "promote"}
    assert run(FINE)[-1]["verdict"] == "not-worse"
    assert run(FINE[:1])[0]["verdict"] == "unknown"


def test_it_is_the_analysis_itself():
    state = initial(Config(), Histogram((), (0,)))
    for text, said in zip(BAD, run(BAD), strict=True):
        state, verdict = step(state, read(text).block)
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
    wrong = CliRunner().invoke(analyze, ["--rho", "inf"], input="")
    assert (wrong.exit_code, "rho is a finite number, not inf" in wrong.output) == (2, True)


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
        (line(1, arm(1, 0), arm(1, 0), t=10**400), "line 2: t: a number is needed"),
        (
            line(1, arm(1, 0), {"n": 10**10}),
            "line 2: baseline.n: at most 1,000,000,000 can be counted in a block: make",
        ),
        (line(1, arm(1, 0), arm(1, 0), boundz=[1]), "line 2: boundz: no such field; there are stream, id, t, canary"),
        (line(1, arm(9, 4, hist=[5, 1, 0]), arm(1, 0)), "line 2: canary.pods.a.hist: 6 answers, but n - err is 5"),
        ("[" * 100_000, "line 2: this is not JSON"),
        (
            line("\ud800", arm(1, 0), arm(1, 0)),
            'line 2: id: "\\ud800" is half of a character: write both of its halves',
        ),
        (line(1, arm(1, 0), arm(1, 0), stream="a\udc00"), 'line 2: stream: "\\udc00" is half of a character'),
        (
            line(1, {"pods": {"\ud800": {"n": 1}}}, arm(1, 0)),
            'line 2: canary.pods: the name of a pod: "\\ud800" is half',
        ),
        (line(1, {"n": 1, "\ud800": 1}, arm(1, 0)), 'line 2: canary: the name of a field: "\\ud800" is half'),
        (line(1, arm(1, 0), arm(1, 0)).replace('"t"', '"\\ud800"'), "line 2: this line: the name of a field: "),
    ],
)
def test_an_error_says_line_and_field(text, message):
    result = CliRunner().invoke(analyze, input=f"{FINE[0]}\n{text}\n")
    assert result.exit_code == 1
    assert message in result.output


def test_bytes_that_are_no_text_say_where():
    result = CliRunner().invoke(analyze, input=FINE[0].encode() + b'\n{"id": "\xe9"}\n')
    assert result.exit_code == 1
    assert "line 2: byte 9 is no UTF-8" in result.output
    assert json.loads(result.stdout.splitlines()[0])["id"] == 0


def test_a_whole_character_is_a_text_however_it_is_written():
    assert run([line("\U0001f600", arm(20, 0), arm(180, 1))])[0]["id"] == "\U0001f600"


def test_margins_next_to_their_ends_are_judged():
    for options in (("--delta", "0.9999999999999999"), ("--delta", "1e-300"), ("--rho", "1e308")):
        assert run(BAD, *options)[-1]["verdict"] in ("regressed", "not-worse")


def test_an_id_comes_back_as_it_was_written():
    said = run([line("7", arm(20, 0), arm(180, 1)), line(7, arm(20, 9), arm(180, 1)), line(8, arm(2, 0), arm(1, 0))])
    assert [one["id"] for one in said] == ["7", 7, 8]
    # A text and a number that read alike are one block.
    assert said[0]["logE"] == said[1]["logE"]


def test_before_anything_is_known_the_evidence_is_nothing():
    said = run([line(0, arm(0, 0), arm(0, 0)), line(1, {"n": 5}, {"n": 10}, bounds=[])])
    assert [str(one["logE"]["rollback"]) for one in said] == ["0.0", "0.0"]


def test_bounds_that_come_late_are_judged():
    first = line(0, {"n": 2}, {"n": 9}, bounds=[])
    slow = [line(n, arm(20, 0, hist=[0, 0, 20]), arm(180, 0)) for n in range(1, 8)]
    assert run([first, *slow])[-1]["verdict"] == "regressed"


def test_without_any_bounds_the_others_have_the_whole_bound():
    fine = [line(n, {"n": 200}, {"n": 1800}, bounds=[]) for n in range(6)]
    assert "latency: left out" in run(fine)[0]["because"]
    assert run(fine)[-1]["verdict"] == "not-worse"


def test_a_seed_draws_anew_and_the_same_seed_alike():
    slower = [line(n, arm(20, 0, hist=[12, 8, 0]), arm(180, 0, hist=[120, 60, 0])) for n in range(6)]
    usual, again, other = run(slower), run(slower, "--seed", "0"), run(slower, "--seed", "3")
    assert usual == again
    assert other == run(slower, "--seed", "3")
    assert [one["id"] for one in other] == [one["id"] for one in usual]
    assert other[-1]["logE"]["rollback"] != usual[-1]["logE"]["rollback"]
    # A block that came before counts once all the same.
    assert run([*slower[:2], slower[0]], "--seed", "3")[2]["logE"] == other[1]["logE"]


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
