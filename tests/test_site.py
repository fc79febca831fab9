"""The documentation's own pages: the reference is current, code in pages is tested code, tables name what there is."""

import inspect
import re
import sys
from pathlib import Path

import pytest

from imtrans.plugins import hookspecs

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate():
    sys.path.insert(0, str(DOCS / "reference"))
    import generate

    yield generate
    sys.path.remove(str(DOCS / "reference"))


def text(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_reference_pages_are_those_of_the_source(generate):
    """Else: python docs/reference/generate.py"""
    pages = generate.pages()
    assert sorted(pages) == sorted(p.name for p in (DOCS / "reference").glob("*.md"))
    for name, content in pages.items():
        assert text(f"reference/{name}") == content.rstrip("\n") + "\n", f"{name}: python docs/reference/generate.py"


def hooks():
    return [f for n, f in vars(hookspecs).items() if n.startswith("imtrans_")]


@pytest.mark.parametrize("hook", hooks(), ids=lambda h: h.__name__)
def test_every_hook_is_documented_with_its_exact_signature(hook):
    section = text("reference/hooks.md").partition(f"## {hook.__name__}\n")[2].partition("\n## ")[0]
    shown = re.search(r"@hookimpl\n(def .+?)\n```", section, re.DOTALL)
    assert shown, f"{hook.__name__} has no signature"
    parts = [line.strip() for line in shown[1].splitlines()]
    one_line = parts[0] + " ".join(parts[1:-1]).rstrip(",") + parts[-1] if len(parts) > 1 else parts[0]
    signature = re.sub(r"['\"]|collections\.abc\.|typing\.", "", str(inspect.signature(hook)))
    assert one_line == f"def {hook.__name__}{signature}"
    assert inspect.getdoc(hook) in section.replace("\\", "")


def test_the_contents_list_every_page():
    listed = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+\.md)\)", text("index.md"))}
    pages = {*DOCS.glob("*.md"), *(DOCS / "reference").glob("*.md")} - {DOCS / "index.md"}
    assert not {p.name for p in pages if p.resolve() not in listed}
    assert all(path.exists() for path in listed)


def test_a_page_links_only_to_pages_of_the_site():
    """The site is built with warnings as errors, late in a check: a link to a page left out of it is found here."""
    listed = re.findall(r'"(.+?)"', re.search(r"^include_patterns = \[(.*)\]$", text("conf.py"), re.MULTILINE)[1])
    included = "|".join(re.escape(p).replace(r"\*\*", ".*").replace(r"\*", "[^/]*") for p in listed)
    links = 0
    for page in DOCS.glob("**/*.md"):
        for target in re.findall(r"\]\(([^):#]+\.md)[)#]", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            assert path.is_file(), f"{page.name}: {target} does not exist"
            assert re.fullmatch(included, path.relative_to(ROOT).as_posix()), (
                f"{page.name}: {target} is no page of the site"
            )
            links += 1
    assert links > 100


def test_code_that_a_page_takes_from_a_file_is_that_of_the_file():
    taken = 0
    for page in DOCS.glob("*.md"):
        for path, code in re.findall(r"<!-- from: (\S+) -->\n```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            assert code in (ROOT / path).read_text(encoding="utf-8"), f"{page.name}: not the code of {path}"
            taken += 1
    assert taken == 3


def test_keys_and_flags_in_the_table_of_the_reference_repositorys_exist(catalog):
    from imtrans.cli import main
    from imtrans.config.keys import all_keys

    keys = {k.key for k in all_keys(catalog)}
    sections = {key.partition(".")[0] for key in keys}
    flags = {o for name in main.COMMANDS for p in main.cli.get_command(None, name).params for o in p.opts}
    ours = [
        row.split(" | ")[1] for row in text("from-the-reference-repository.md").splitlines() if row.startswith("| `")
    ]
    for code in (code for cell in ours for code in re.findall(r"`([^`]+)`", cell)):
        name = code.split("=")[0].split()[0]
        if "." in name and name.split(".")[0] in sections:
            slot = name.split(".")[0]
            weights = [k for k in keys if k.startswith(f"{slot}.") and k.endswith(name.rpartition(".")[2])]
            assert name in keys or weights, name
        elif name.startswith("-") and not code.startswith("--dataset lab"):
            assert name in flags, name


def test_a_flag_of_the_reference_repository_is_understood(cli):
    done = cli("run", "pix2pix", "--set", "n_epochs=3", "--dry-run")
    assert done.code == 2
    assert "did you mean 'train.epochs'?" in done.err


@pytest.mark.slow
def test_the_code_of_the_kits_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", text("kit.md"), re.DOTALL):
        exec(compile(code, "docs/kit.md", "exec"), names)
