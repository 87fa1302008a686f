"""Run the long proofs: `python -m tests.prove [--short] [name ...]`."""

import argparse
import importlib
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import tests.prove

REPORTS = Path(__file__).parents[2] / "docs" / "proofs"


def proofs() -> dict[str, Callable[[bool], str]]:
    """Return the modules beside this one that have a `run`, by name."""
    found = {}
    for module in pkgutil.iter_modules(tests.prove.__path__):
        if not module.name.startswith("_"):
            run = getattr(importlib.import_module(f"tests.prove.{module.name}"), "run", None)
            if run is not None:
                found[module.name] = run
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the named proofs, all by default; write reports only for full runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__)
    parser.add_argument("names", nargs="*", help="proofs to run; default: all")
    parser.add_argument("--short", action="store_true", help="the same code with small n, nothing written")
    asked = parser.parse_args(arguments)
    known = proofs()
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        parser.error(f"no such proof: {', '.join(unknown)}; there are {', '.join(known)}")
    failed = []
    for name in asked.names or known:
        began = time.monotonic()
        try:
            report = known[name](asked.short)
        except Exception as error:  # noqa: BLE001  # one broken proof must not hide the others' tables
            failed.append(f"{name}: {type(error).__name__}: {error}")
            traceback.print_exc()
            continue
        print(f"{report}\n\n({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
        if not asked.short:
            REPORTS.mkdir(parents=True, exist_ok=True)
            (REPORTS / f"{name}.md").write_text(report.rstrip() + "\n", encoding="utf-8")
    print(f"{len(asked.names or known) - len(failed)} passed, {len(failed)} failed")
    print(*failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
