"""The papers: links lead somewhere, the index of decisions is complete, the first screen of the README works."""
import re

import pytest

from conftest import RECORDING, ROOT, SAID, clean_environment, needs, run, words

PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").glob("*.md"),
                 *(ROOT / "third_party").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(paper):
    for target in LINK.findall(paper.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (paper.parent / target.partition("#")[0]).exists(), target


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert records
    for name in records:
        assert f"]({name})" in index, name
    numbers = [name[:4] for name in records]
    assert len(set(numbers)) == len(numbers), "two records have one number"


def test_rooms_in_the_papers_exist():
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    for folder in re.findall(r"`((?:native|src|bindings|tests|bench|samples|tools|cmake)(?:/[\w.]+)*)`", text):
        assert (ROOT / folder).exists(), folder


def test_every_room_is_in_the_papers():
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    rooms = [path for path in (ROOT / "native/src").iterdir() if path.name != "backends" and any(path.glob("*.*"))]
    for room in rooms:
        assert f"`native/src/{room.name}" in text, room.name


def test_first_screen(tmp_path):
    """The command that a newcomer types first."""
    needs("dotnet", "the command line is a .NET program")
    first = re.search(r"```sh\n(.*)\n", (ROOT / "README.md").read_text()).group(1)
    assert first == "./build.sh run -- transcribe samples/reader.flac"
    done = run(ROOT / "build.sh", "run", "--", "transcribe", RECORDING, cwd=tmp_path, env=clean_environment())
    assert SAID in words(done.stdout), done.stdout + done.stderr
