"""Read a date in a language that is new: what eight other languages are worth.

A small encoder reads a written date, and answers with day, month and year. It learns eight
languages (sources), and moves to twenty others with 0, 50 or 200 examples, a fifth of which decide
on rate and steps (in a search on a third of the targets). It moves by fine-tuning; by fine-tuning
with half of each batch from the sources (rehearsal); with nothing open but its signs' vectors
(embeddings); or it learns sources and targets at once (joint: one model for all targets). From
scratch, it learns the target's examples alone.

"only de" has learnt one source, in 300 steps on an eighth of the dates; two controls, added after
the forecast, learn German in 1,000, and the target's examples from scratch in four times the steps.
Bytes and subwords, in place of characters, are pre-trained and moved at the settings that suit
characters, and "joint" learns at the rate that suits the sources: none of these has a search.

All is read from spelt-out months on days of the test, in formats with a width of the weekday that
was held out. A date counts where day, month and year are right; the first two digits of the year
are 19 or 20. "close" is the mean over Swedish, Danish, Dutch, Italian and Portuguese, "script" over
those of other scripts than the sources'. Copying the digits is the floor.
"""

import functools

import numpy as np

from lessons_lib.data.dates import copy_the_digits, score
from lessons_lib.data.many_dates import (
    CLOSE,
    LANGUAGES,
    NEW_SCRIPT,
    SOURCES,
    TARGETS,
    read_dates,
)
from lessons_lib.model.date_reader import question_ids, read
from studies.engine import Study, main
from studies.shared import readers

SEEDS = (0, 1, 2)
VARIANTS = (  # (what is done, examples of each target)
    ("pre-trained", "0"),
    ("fine-tuning", "50"),
    ("fine-tuning", "200"),
    ("rehearsal", "50"),
    ("rehearsal", "200"),
    ("embeddings", "50"),
    ("scratch", "50"),
    ("scratch", "200"),
    ("joint", "50"),
    ("joint", "200"),
    ("bytes", "0"),
    ("bytes", "50"),
    ("subwords", "0"),
    ("subwords", "50"),
    *((f"only {source}", "0") for source in SOURCES),
    ("only de for longer", "0"),
    ("scratch for longer", "200"),
)
LONGER = " for longer"
PRE_TRAINED = VARIANTS[0]
FOLLOWS = {  # whose search is relied on
    ("bytes", "50"): ("fine-tuning", "50"),
    ("subwords", "50"): ("fine-tuning", "50"),
    ("scratch for longer", "200"): ("scratch", "200"),
    **{variant: PRE_TRAINED for variant in VARIANTS if variant[1] == "0" or variant[0] == "joint"},
}
BUDGET = """24 variants of 3 seeds, .067 s a step of 64 dates. 1,000 steps: 3 ways to cut, 3 seeds
and 5 trials each, and 6 joint runs, 33 minutes; 24 runs with one source, 300 steps, 8 minutes.
Moving, for 20 targets 50 or 200 steps of 16 or 32 dates: 7 searches of 5 trials on a third of the
targets and 10 x 3 runs of 20 to 100 s, 25 minutes: about 65 minutes of one core, 33 of two."""


def trials(variant) -> list[dict]:
    """Four settings for everybody."""
    if variant[1] == "0" or variant[0] == "joint":
        return [{"learning_rate": rate} for rate in (5e-4, 1e-3, 2e-3, 4e-3)]
    return [{"learning_rate": rate, "steps": steps} for rate in (1e-3, 3e-3) for steps in (50, 200)]


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Pre-train or load, move to each target, and read its dates."""
    longer, count = variant[0].endswith(LONGER), int(variant[1])
    kind = variant[0].removesuffix(LONGER)
    rate = settings["learning_rate"]
    if variant[1] == "0" or kind == "joint":
        unit = kind if kind in ("bytes", "subwords") else "characters"
        model = _source_model(kind, unit, count, rate, seed, configuration, longer)
        error = np.mean([readers.nats(model, one, unit) for one in _validation(kind)])
        names = LANGUAGES if tested else ()
        found = {name: _scored(model, name, unit, configuration) for name in names}
    else:
        unit = kind if kind in ("bytes", "subwords") else "characters"
        names = TARGETS[: configuration["most_targets"]]
        names = names if tested else names[::3]
        errors, found = [], {}
        for name in names:
            own = settings | {"steps": settings["steps"] * (4 if longer else 1)}
            model, kept_out = _moved(kind, unit, name, count, own, seed, configuration)
            errors.append(readers.nats(model, kept_out, unit))
            if tested:
                found[name] = _scored(model, name, unit, configuration)
        error = np.mean(errors)
    return {"validation": round(float(error), 5)} | _numbers(found)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, on a third of the targets, and no test date is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def _source_model(kind, unit, count: int, rate: float, seed: int, configuration, longer=False):
    """What has learnt all sources, one of them, or the sources and all targets at once."""
    if kind in ("pre-trained", "bytes", "subwords"):
        return readers.pre_trained(unit, rate, seed, configuration)
    model = readers.fresh(unit, seed, configuration)
    size, steps = configuration["source_batch"], configuration["source_steps"]
    if kind == "joint":
        known = readers.source_dates(SOURCES, seed, configuration)
        few = [one for name in TARGETS for one in read_dates(name, count * 4 // 5, seed)]
        parts = [(known, size // 2), (few, size // 2)]
    else:
        steps = steps if longer else steps * 3 // 10
        own = kind.removeprefix("only ")
        parts = [(readers.source_dates([own], seed, configuration), size)]
    return readers.learn(model, readers.batches(parts, unit, seed), steps, rate)


def _moved(kind, unit, name, count, settings, seed, configuration):
    """A model that has moved to a target by four fifths of its examples, and the last fifth."""
    examples = read_dates(name, count, seed)
    own, kept_out = examples[: count * 4 // 5], examples[count * 4 // 5 :]
    if kind == "scratch":
        model = readers.fresh(unit, seed, configuration)
    else:
        model = readers.pre_trained(unit, configuration["source_rate"], seed, configuration)
    if kind == "embeddings":
        model.requires_grad_(False)
        model.embedding.requires_grad_(True)
    parts = [(own, configuration["batch_size"])]
    if kind == "rehearsal":
        known = readers.source_dates(SOURCES, seed, configuration)
        parts.append((known, configuration["batch_size"]))
    many = readers.batches(parts, unit, seed)
    readers.learn(model, many, settings["steps"], settings["learning_rate"])
    return model, kept_out


def prepare(configuration: dict, variants: list) -> None:
    """The readers of the sources that these variants go on from."""
    moved = [kind for kind, count in variants if count != "0" and kind not in ("joint", "scratch")]
    units = {kind if kind in ("bytes", "subwords") else "characters" for kind in moved}
    rate = configuration["source_rate"]
    readers.make_all(sorted(units), rate, SEEDS, configuration)


@functools.cache
def _validation(kind: str) -> list:
    names = [kind.removeprefix("only ")] if kind.startswith("only ") else SOURCES
    return [read_dates(name, 50, seed=1_000, dates="validation") for name in names]


def _scored(model, name: str, unit: str, configuration: dict) -> dict[str, float]:
    count = configuration["test_examples"]
    examples = read_dates(name, count, seed=1_000, formats="held_out", dates="test")
    cut, vocabulary = readers.cutting(unit)
    return score(read(model, question_ids(examples, vocabulary, cut)), examples)


def copied(name: str, count: int = 200) -> dict[str, float]:
    """The floor: what copying the digits gets right of the same dates."""
    examples = read_dates(name, count, seed=1_000, formats="held_out", dates="test")
    return score([copy_the_digits(one.written) for one in examples], examples)


def _numbers(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Shares right: of each language, and the means over all, close and new-script targets."""
    if not found:
        return {}
    numbers = {}
    for told, names in (("exact", TARGETS), ("close", CLOSE), ("script", NEW_SCRIPT)):
        known = [found[name]["exact"] for name in names if name in found]
        numbers[told] = round(float(np.mean(known)), 5) if known else 0.0
    for name, shares in found.items():
        numbers |= {f"{part} in {name}": round(share, 4) for part, share in shares.items()}
    return numbers


STUDY = Study(
    name="languages",
    variants=VARIANTS,
    search=trials,
    seeds=SEEDS,
    run=run,
    trial=trial,
    settings_from=lambda variant: FOLLOWS.get(variant, variant),
    prepare=prepare,
    configuration={
        "d_model": 96,
        "num_layers": 2,
        "source_examples": 2000,
        "source_batch": 64,
        "source_steps": 1000,
        "source_rate": 2e-3,
        "batch_size": 16,
        "test_examples": 200,
        "most_targets": len(TARGETS),
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate",),
    quick={
        "source_steps": 20,
        "source_examples": 60,
        "test_examples": 20,
        "most_targets": 2,
    },
    quick_variants=(PRE_TRAINED, ("rehearsal", "50"), ("subwords", "0"), ("only de", "0")),
    check={
        "variant": ["scratch", "50"],
        "settings": {"learning_rate": 3e-3, "steps": 50},
        "seed": 0,
        "configuration": {"most_targets": 2, "test_examples": 50},
    },
    tolerance=0.06,
)

if __name__ == "__main__":
    main(STUDY)
