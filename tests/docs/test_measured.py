"""What is said of coverage is what the processes of the tests have left, put together."""

from __future__ import annotations

import json

import pytest

from newsletter.render import utm
from tests.support.measured import ROOT, reached_by_all, report

NAME = "newsletter/signs.py"
LINES, WAYS = {1, 2, 3, 4}, {(2, 3), (2, 4)}


@pytest.fixture
def leave(tmp_path):
    """What a process leaves that has passed these lines and ways."""

    def left(worker, lines, ways):
        found = {
            "executed_lines": sorted(lines), "missing_lines": sorted(LINES - lines),
            "executed_branches": sorted(ways), "missing_branches": sorted(WAYS - ways),
        }  # fmt: skip
        meta = {"software": "slipcover", "branch_coverage": True}
        text = json.dumps({"meta": meta, "files": {str(ROOT / NAME): found}})
        (tmp_path / f"{worker}.json").write_text(text)

    return left


def test_what_each_of_several_processes_has_reached_counts_once(leave, tmp_path, capsys):
    leave("gw0", {1, 2, 3}, {(2, 3)})
    leave("gw1", {1, 2, 4}, {(2, 4)})
    assert report(reached_by_all(tmp_path), least=100)
    assert capsys.readouterr().out == (
        "100.0 % of 6 lines and branches in 1 files reached, 0 missing; at least 100 % are wanted\n"
    )


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        (({1, 2, 3, 4}, {(2, 3)}), "2->4\n83.3 %"),
        (({1, 2, 3}, {(2, 3)}), "4\n66.7 %"),
        (({1, 2}, set()), "3 4\n33.3 %"),
    ],
)
def test_a_line_or_a_way_that_none_has_taken_is_named(leave, tmp_path, capsys, reached, said):
    leave("gw0", *reached)
    files, percent = reached_by_all(tmp_path), float(said.split()[-2])
    assert report(files, least=percent - 0.1)
    assert not report(files, least=percent + 0.1)
    assert capsys.readouterr().out.startswith(f"{NAME}: {said}")


def test_tests_that_left_nothing_are_no_success(tmp_path):
    with pytest.raises(SystemExit, match="nothing was measured"):
        reached_by_all(tmp_path)


def test_what_runs_in_the_process_of_a_test_is_measured_where_coverage_is(request):
    folder = request.config.getoption("--measured", default=None)
    assert (type(utm.__loader__).__name__ == "SlipcoverLoader") == bool(folder)
