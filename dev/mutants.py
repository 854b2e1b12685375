"""`python -m dev mutants`: change the guards' code a little at a time, and see that their tests notice. Leaves the tree as it is; keeps results in var/mutants.

The score of a target is the share of its mutants that a test notices; those that nobody could notice are named in `mutants_equivalent.toml`, each with its reason.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dev import mutants_trial as trial
from dev.bootstrap import ROOT, VAR
from dev.errors import DevError
from dev.mutants_changes import Mutant, mutants
from dev.mutants_targets import Target, chosen, without_target
from dev.mutants_trial import KILLED, SURVIVED, Verdict

MEMORY = VAR / "mutants"
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.toml")
LEAST = 95.0
_NEEDED = ("service", "simulator", "tests", "dev", "openapi.yaml", "pyproject.toml")


def main(arguments: list[str]) -> int:
    """0: every target has its score. 1: one has not, a test fails already, or a module has no target."""
    parser = argparse.ArgumentParser(prog="python -m dev mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="only these, by the last part of their names")
    parser.add_argument(
        "--left", action="store_true", help="try those again that survived last time, and new ones; trust the rest"
    )
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    given = parser.parse_args(arguments)
    targets = chosen(given.modules)
    os.nice(10)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no child outlives us
    if missing := without_target():
        raise DevError(f"no tests are named for {', '.join(missing)}: see dev/mutants_targets.py")
    known = equivalents()
    scores = []
    with _copy():
        for target in targets:
            scores.append(_Score.of(target, _judge(target, left=given.left, processes=given.processes), known))
            scores[-1].show()
    return _report(scores)


@contextlib.contextmanager
def _copy() -> Iterator[None]:
    """Work in a copy of the tree as it is now: nothing is left in the tree, and who edits it meanwhile changes no result."""
    with tempfile.TemporaryDirectory(prefix="panless-mutants-") as folder:
        for name in _NEEDED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder)
        with contextlib.chdir(folder):
            sys.path.insert(0, folder)
            yield


def equivalents() -> dict[tuple[str, str, str], str]:
    """Module, lines as they were and as they would be: why nobody can tell."""
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
    found = {}
    for module, entries in listed.items():
        for entry in entries:
            if not entry["why"].strip():
                raise DevError(f"{EQUIVALENT.name}: an entry of {module} says no reason")
            found[module, entry["was"], entry["now"]] = entry["why"]
    return found


def _ground(target: Target) -> str:
    """A word that changes with the module, what it is tested by, and the modules beside it."""
    files = [target.module, "tests/leaks/matrix.csv", "tests/cardguard/shapes.py", *target.tests]
    beside = [*Path("service/cardguard").glob("*.py"), *Path("tests/support").glob("*.py")]
    word = hashlib.sha256()
    for file in sorted({*map(Path, files), *beside}):
        word.update(file.read_bytes())
    return word.hexdigest()


def _judge(target: Target, *, left: bool, processes: int) -> list[tuple[Mutant, Verdict]]:
    """Each mutant of a module and what became of it; from memory where nothing has changed since."""
    file = MEMORY / f"{target.name}.json"
    memory = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    ground = _ground(target)
    before = {key: Verdict(*row) for key, row in memory.get("verdicts", {}).items()}
    every = mutants(target.module, Path(target.module).read_text(encoding="utf-8"))
    sure = {
        key for key, one in before.items() if memory["grounds"].get(key) == ground or (left and one.result != SURVIVED)
    }
    waiting = [one for one in every if one.key not in sure]
    verdicts = {one.key: before[one.key] for one in every if one.key in sure}
    if waiting:
        grounds = {key: memory["grounds"][key] for key in verdicts}
        for mutant, verdict in _tried(target, waiting, before, processes):
            verdicts[mutant.key], grounds[mutant.key] = verdict, ground
            if len(verdicts) % 50 == 0:
                _remember(file, verdicts, grounds)
        _remember(file, verdicts, grounds)
    return [(one, verdicts[one.key]) for one in every]


def _tried(
    target: Target, waiting: list[Mutant], before: dict[str, Verdict], processes: int
) -> Iterable[tuple[Mutant, Verdict]]:
    unchanged = Mutant(target.module, Path(target.module).read_text(encoding="utf-8"), "none", 0, "", "")
    taken = trial.prepare(unchanged, target.tests)
    print(f"{target.name}: {len(waiting)} mutants to try, the tests take {taken:.1f} s", flush=True)
    firsts = [(one, before[one.key].by if one.key in before else "") for one in waiting]
    firsts = [(one, first if first.startswith(target.tests) else "") for one, first in firsts]
    started = time.monotonic()
    found = trial.tried(firsts, target.tests, limit=10 + 4 * taken, processes=processes)
    for count, (mutant, verdict) in enumerate(found, start=1):
        if count % 100 == 0:
            print(f"  {count} after {time.monotonic() - started:.0f} s", flush=True)
        yield mutant, verdict


def _remember(file: Path, verdicts: dict[str, Verdict], grounds: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = {key: [one.result, one.by] for key, one in verdicts.items()}
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"grounds": grounds, "verdicts": rows}), encoding="utf-8")
    part.replace(file)


@dataclass(frozen=True)
class _Score:
    target: Target
    noticed: int
    survivors: tuple[Mutant, ...]
    equivalent: int
    wrongly: tuple[str, ...]
    too_long: int

    @classmethod
    def of(cls, target: Target, judged: list[tuple[Mutant, Verdict]], known: dict[tuple[str, str, str], str]) -> _Score:
        """What was listed as equivalent and is not there, or was noticed, is no longer so and is told."""
        alive = [mutant for mutant, verdict in judged if verdict.result == SURVIVED]
        excused = [mutant for mutant in alive if (mutant.module, mutant.was, mutant.now) in known]
        used = {(mutant.was, mutant.now) for mutant in excused}
        return cls(
            target=target,
            noticed=len(judged) - len(alive),
            survivors=tuple(mutant for mutant in alive if mutant not in excused),
            equivalent=len(excused),
            wrongly=tuple(
                f"{was!r} -> {now!r}"
                for module, was, now in known
                if module == target.module and (was, now) not in used
            ),
            too_long=sum(verdict.result not in {KILLED, SURVIVED} for _, verdict in judged),
        )

    def show(self) -> None:
        """The mutants that nobody noticed, as changes of lines; and what the list of equivalents says wrongly."""
        for mutant in self.survivors:
            print(mutant.diff())
        for line in self.wrongly:
            print(f"{self.target.module}: listed as equivalent, but it is noticed or gone: {line}")


def _share(noticed: int, survived: int) -> float:
    return 100.0 * noticed / (noticed + survived) if noticed + survived else 100.0


def _report(scores: list[_Score]) -> int:
    print(f"\n{'module':40} mutants noticed (too long) survived equivalent  score")
    noticed: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for score in scores:
        left = len(score.survivors)
        total = score.noticed + left + score.equivalent
        print(
            f"{score.target.module:40} {total:7} {score.noticed:7} {score.too_long:10} {left:8} {score.equivalent:10} {_share(score.noticed, left):6.1f}"
        )
        noticed[score.target.group] += score.noticed
        survived[score.target.group] += left
    fine = True
    for group in noticed:
        share = _share(noticed[group], survived[group])
        fine = fine and share >= LEAST
        print(f"{group}: {share:.1f} % (at least {LEAST:.0f} %)")
    if any(score.wrongly for score in scores):
        fine = False
    if not fine:
        print("see CONTRIBUTING.md, Mutants", file=sys.stderr)
    return 0 if fine else 1
