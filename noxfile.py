#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2024.10.9"]
# ///
"""What is done with a checkout, each in an environment of its own: ``nox -l`` lists it, ``nox -s lint`` does one."""

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
USUAL = "not slow and not parity"


@nox.session
def lint(session: nox.Session) -> None:
    """Style, spelling and types; nothing is built."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"), *PROJECT["project"]["dependencies"], "pytest")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("cython-lint", "superdsm/_ext")
    session.run("codespell")
    session.run("mypy")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The tests; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *(session.posargs or ["-n", "auto", "-m", USUAL]))


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """The tests that start no processes."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "auto", "-m", "not process", *session.posargs)


@nox.session(default=False)
def speed(session: nox.Session) -> None:
    """The tests that measure time, one after the other; for an idle machine."""
    session.install("-e", ".[test]")
    session.run("pytest", "-m", "speed", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Run all commands and code blocks of the README and of the pages in docs/."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "auto", "tests/test_readme.py", "tests/test_docs.py", *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Which lines and branches the tests reach, workers included: a table in coverage.md, pages in htmlcov/."""
    session.install("-e", ".[test]", *nox.project.dependency_groups(PROJECT, "coverage"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n", "auto", "-m", USUAL, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "html", "--quiet")
    table = session.run("coverage", "report", "--format=markdown", silent=True)
    Path("coverage.md").write_text(str(table), encoding="utf-8")
    session.log(str(table).splitlines()[-1])


@nox.session(default=False)
@nox.parametrize("kind", ["bounds", "address"])
def sanitize(session: nox.Session, kind: str) -> None:
    """The tests of the kernels with checked indices, or with the sanitizers of gcc or clang; ``-- short``: fewer."""
    session.install(*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"])
    session.install(*PROJECT["project"]["optional-dependencies"]["test"])
    session.run("bash", "tools/sanitize.sh", kind, *session.posargs, external=True)


@nox.session(default=False)
def stubs(session: nox.Session) -> None:
    """Compare the stubs of the kernels with the kernels as built."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("bash", "tools/stubtest.sh", external=True)


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Build the source distribution, from it a wheel for this platform, and test that."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", "dist")
    newest = max(Path("dist").glob("*.whl"), key=os.path.getmtime)
    session.install(f"{newest}[test]")
    here = Path(session.create_tmp())
    session.run("cp", "-r", "tests", "examples", "pyproject.toml", str(here), external=True)
    session.chdir(here)
    session.run("pytest", "-q", "-n", "auto", "-m", USUAL, "tests/core", "tests/io", "tests/e2e/test_corner_cases.py")


if __name__ == "__main__":
    nox.main()
