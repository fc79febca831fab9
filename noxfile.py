"""The checks: `nox` runs tests, lint and types; `nox -s faults docs site wheel findings` the rest."""

import json
import pathlib

import nox

nox.options.sessions = ["tests", "lint", "types"]
CONSTRAINTS = ("-c", "constraints.txt")
SMALL = (
    "--steps",
    "3",
    "--batch-size",
    "2",
    "--set",
    "data.size=16",
    "--set",
    "dataset.pairs=4",
    "--set",
    "train.num_samples=1",
    "--set",
    "metrics=l1",
)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests that are not marked slow, on two processes."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """The slow tests: crashes, faults and several processes; 200 kills, of which `.ci/run` does 20."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "slow", *session.posargs, env={"IMTRANS_KILLS": "200"})


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install(*CONSTRAINTS, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on imtrans/ and plugins/."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Run every command of the README and of docs/."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "slow or not slow", "tests/test_docs.py")


@nox.session
def site(session: nox.Session) -> None:
    """Build the documentation site into build/site: a warning, a dead link and a request to another host are errors."""
    # Not imtrans itself: its reference pages need click and pluggy, and no torch.
    session.install(*CONSTRAINTS, "click", "pluggy", "platformdirs", "sphinx", "myst-parser", "furo")
    output = pathlib.Path("build", "site")
    session.run(
        "python", "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-b", "html", "-c", "docs", ".", str(output)
    )
    session.run("python", "docs/site/check_site.py", str(output))
    session.log(f"Open {output / 'docs' / 'index.html'}")


@nox.session(venv_backend="none")
def findings(session: nox.Session) -> None:
    """Run all scripts of findings/, or those that are named. Not part of CI: each installs packages."""
    folder = pathlib.Path("findings")
    # The peers take hours, and are no finding about one library: only where they are named.
    names = sorted(p.stem for p in folder.glob("*.sh") if p.stem not in ("common", "peers-today"))
    for name in session.posargs or names:
        session.run("bash", str(folder / f"{name}.sh"), external=True)


@nox.session
def wheel(session: nox.Session) -> None:
    """Install the wheel and the example plugin into an empty environment; list, train and translate with it."""
    folder = pathlib.Path(session.create_tmp()).resolve()
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), ".", silent=True)
    (wheel_file,) = folder.glob("imtrans-*.whl")
    session.install(*CONSTRAINTS, str(wheel_file), "pytest")
    example = pathlib.Path("examples/third_party_plugin").resolve()
    # A wheel of the example needs its build backend, installed here: an isolated build would ignore the constraints.
    session.install(*CONSTRAINTS, "--no-deps", "hatchling", "pathspec", "pluggy", "trove-classifiers", "packaging")
    session.install("--no-deps", "--no-build-isolation", str(example))
    image = example.parent.parent / "docs" / "toy-labels.png"
    with session.chdir(folder):
        components = json.loads(str(session.run("imtrans", "list", "--json", silent=True, stderr=None)))
        examples = [c for c in components if c["name"] == "example-resnet"]
        assert [c["distribution"] for c in examples] == ["imtrans-example-resnet"], examples
        session.run("imtrans", "run", "pix2pix", "--set", "generator=example-resnet", "--name", "theirs", *SMALL)
        session.run("imtrans", "translate", "theirs", str(image), "-o", "out.png", "--overwrite")
        assert (folder / "out.png").stat().st_size > 0
        session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(example / "tests"))
