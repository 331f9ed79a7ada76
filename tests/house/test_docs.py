"""What the documents show exists: links, names, commands, and examples that run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of one language."""
    return [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind == language]


def anchors(text: str) -> set[str]:
    """Anchors that the headings of a page get."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(text: str, folder: Path) -> list[str]:
    """Links that lead nowhere."""
    wrong = []
    for link in LINK.findall(text):
        name, _, anchor = link.partition("#")
        target = folder / name if name else None
        if target is not None and not target.exists():
            wrong.append(link)
        elif anchor:
            page = target.read_text("utf-8") if target else text
            wrong += [] if anchor in anchors(page) else [link]
    return wrong


def attributes(source: str) -> set[str]:
    """Names taken from the package under the alias `dp`."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return {n.attr for n in nodes if isinstance(n.value, ast.Name) and n.value.id == "dp"}


def commands() -> list[str]:
    """Verbs of the command line that a page mentions in code."""
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    code = re.findall(r"`(dopafit [^`\n]+)`", text)
    code += [line for page in PAGES for body in blocks(page, "sh") for line in body.splitlines()]
    found = {re.match(r"dopafit ((?:data )?[a-z]+)\b", line) for line in code}
    return sorted({match[1] for match in found if match})


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    assert broken(page.read_text("utf-8"), page.parent) == []


def test_control_a_broken_link_is_seen(tmp_path):
    (tmp_path / "b.md").write_text("# One head: two\n")
    text = "[x](b.md) [y](b.md#one-head-two) [z](https://example.org) [u](#here)\n## Here\n"
    assert broken(text, tmp_path) == []
    assert broken("[x](c.md) [y](b.md#other)", tmp_path) == ["c.md", "b.md#other"]


def test_names_in_examples_exist():
    import dopafit

    used = {n for page in PAGES for body in blocks(page, "python") for n in attributes(body)}
    assert {"read_study", "Model", "fit", "compare"} <= used
    assert sorted(n for n in used if not hasattr(dopafit, n)) == []


def test_control_a_name_is_found_in_an_example():
    assert attributes("import dopafit as dp\ndp.figure.kernel(dp.fit(m))") == {"figure", "fit"}


def test_commands_exist():
    verbs = commands()
    assert {"run", "validate", "doctor", "data list", "data fetch"} <= set(verbs)
    script = "import sys; from dopafit.cli import main; main()"
    failed = [verb for verb in verbs if run("-c", script, *verb.split(), "--help").returncode]
    assert failed == []
    assert run("-c", script, "nosuchverb", "--help").returncode != 0  # control


def test_the_example_study_files_are_read():
    from dopafit.study.description import StudyFile

    found = [
        yaml.safe_load(body) for page in PAGES for body in blocks(page, "yaml") if "tables:" in body
    ]
    assert len(found) >= 2
    for content in found:
        assert StudyFile.model_validate(content).tables["sessions"].file == "sessions.csv"


def test_the_example_priors_and_channels_are_read():
    from dopafit.model.claim import Model

    page = ROOT / "docs" / "extending.md"
    spec: dict = {}
    for body in blocks(page, "yaml"):
        spec |= yaml.safe_load(body)
    assert {"channels", "effects", "priors", "fixed"} <= set(spec)
    model = Model.from_dict(spec | {"drive": "encompassing"})
    assert model.priors["trough_ratio"].location == 0.2
    assert model.fixed == {"onset_ratio": 0.1}


def test_the_example_component_works():
    # in a process of its own: defining a drive makes it known to the whole process
    page = ROOT / "docs" / "extending.md"
    (source,) = [body for body in blocks(page, "python") if "class Saturation" in body]
    check = (
        "\nimport numpy as np\nfrom dopafit.drive.drive import Drive\n"
        "signals = {'level': np.array([0.0, 1.0, -1.0])}\n"
        "(m,) = Drive.named('saturation')().motivation(np, signals, {}, saturation_width=0.5)\n"
        "assert np.allclose(m, [0, 1, -1]), m\n"
    )
    done = run("-c", source + check)
    assert done.returncode == 0, done.stderr
    wrong = run("-c", source.replace("xp, signals, unit", "xp, signal, unit") + check)
    assert "which are no parameters" in wrong.stderr  # control: a mismatch is an error at once
