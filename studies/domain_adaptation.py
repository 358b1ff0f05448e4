"""What are unrated texts of a target worth? Eleven ways to use them, beside a lexicon.

Four targets; for each, the three other domains are rated: 340 texts of each, drawn by the seed.
The target gives 800 texts of its training part without ratings. A run trains the top two layers of
the published encoder for 64 steps over the states of the four frozen ones, with 16 source texts a
step, and 16 target texts beside them where its method looks at these while it learns.

Methods without any rating of the target: the sources alone (plain); gradient reversal (dann),
coral, mmd; importance weights; self_training, mean_teacher; the target's statistics; an encoder
that has first read on in the target's raw training texts (masked_words); VADER as a feature, and as
a weak labeller. Three controls: an encoder that has read on in *another* domain (masked_elsewhere),
one with random weights that match the published ones (matched; its lower layers are shut as
everybody's, so it is no fair test of pre-training: `labels_needed` has that), and plain training at
the weak labeller's rate. Two ceilings with 1,020 rated target texts, at as many steps: target_only,
and joint with the sources.

Everybody tries four learning rates, chosen on the validation texts of the domains whose ratings it
may read, and goes on where the best lies at the edge. Everything else is fixed beforehand, by the
papers, or by what can be seen without a rating: the odds' power leaves a quarter of the texts
effective. "peeking_..." is what a look at the target's validation ratings would have shown; nothing
is chosen by it. "told_apart" says whether features have been made alike. Blends of VADER and of
several methods are made of the stored predictions, without a run.
"""

import functools
import os

import torch

from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.data.splits import SPLITS_SHA256
from studies.engine import Study, main
from studies.shared.adaptation import Learner, peeked
from studies.shared.read_on import KIND, is_kept, note_of
from studies.shared.states import pool_of, states_of
from studies.shared.texts import draw, masked, others, rated
from studies.shared.tuning import outcome, to_predict

ALL_BUT = {f"all but {domain}": domain for domain in DOMAINS}
WITHOUT = (  # any rating of the target
    *("plain", "dann", "coral", "mmd", "importance", "self_training", "mean_teacher"),
    *("target_statistics", "masked_words", "vader_feature", "vader_labels"),
)
CONTROLS = ("masked_elsewhere", "matched", "plain_at_its_rate")
CEILINGS = ("target_only", "joint")
ELSEWHERE = {
    "movies": "editorials",
    "products": "tweets",
    "tweets": "products",
    "editorials": "movies",
}
VARIANTS = (
    *((source, method) for method in (*WITHOUT, *CONTROLS) for source in ALL_BUT),
    *((domain, method) for method in CEILINGS for domain in DOMAINS),
)
LOOKED_AT = ("plain", "dann", "coral", "mmd")  # can the domains still be told apart?
READ = tuple(KIND + domain for domain in DOMAINS)
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
BUDGET = """4 targets x 15 methods: 14 with 4 trials, all with 5 seeds, 524 runs of 64 steps, 4 to
8 s each on one core; four encoders that read on for 360 steps, two minutes each: some 60 minutes of
one core, 30 of two; a search may go four trials further past its edge."""


def target_of(variant) -> str:
    """The domain that a variant is to rate."""
    return ALL_BUT.get(variant[0], variant[0])


def settings_from(variant):
    """The target's statistics come in after plain training, so its trials would be the same.

    "plain_at_its_rate" is plain training at the rate of the weak labeller: what is left of a
    difference when the search on one seed has chosen two rates.
    """
    relied_on = {"target_statistics": "plain", "plain_at_its_rate": "vader_labels"}
    return (variant[0], relied_on.get(variant[1], variant[1]))


def trials(variant) -> list[dict]:
    """Four learning rates for everybody."""
    return [{"learning_rate": rate} for rate in RATES]


def kind_of(variant) -> str:
    """Which encoder a variant begins with."""
    target = target_of(variant)
    return {
        "masked_words": KIND + target,
        "masked_elsewhere": KIND + ELSEWHERE[target],
        "matched": "matched",
    }.get(variant[1], "pretrained")


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Draw texts, mask what may not be read, train, predict the target."""
    method, target = variant[1], target_of(variant)
    names = {"target_only": [target], "joint": list(DOMAINS)}.get(method, others(target))
    size, rng = configuration["pool"], torch.Generator().manual_seed(seed)
    sources = {}
    for name in names:
        count = configuration["target_texts" if name == target else "source_texts"]
        sources[name] = draw(pool_of(name, size), count, rng)
    without = masked(draw(pool_of(target, size), configuration["unrated_texts"], rng))
    unrated = [one.text for one in without]
    kind = kind_of(variant)
    taught = "plain" if method == "plain_at_its_rate" else method
    learner = Learner(taught, kind, sources, target, unrated, settings, seed, configuration)
    rate = learner.learn()
    validation = {name: validation_of(name, configuration["validation"]) for name in names}
    predicted = predicted_of(target, configuration.get("only")) if tested else {}
    domain_of = {one.text: name for name, texts in validation.items() for one in texts}

    def predictor(texts):
        return rate(domain_of.get(texts[0], target), texts)

    found = outcome(
        predictor,
        learner.told,
        validation,
        predicted,
        labels_read={"training": names, "selection": names},
        no_labels_of=[] if target in names else [target],
    )
    found.numbers.update(peeked(rate, target, configuration.get("only")))
    told = {k: v for k, v in learner.told.items() if k not in ("seconds", "steps")}
    found.numbers.update(told)
    if tested and method in LOOKED_AT:
        found.numbers["told_apart"] = round(learner.told_apart(), 4)
    return found


@functools.cache
def validation_of(domain: str, limit: int) -> tuple[Snippet, ...]:
    """The texts of a domain by which those choose who may read its ratings."""
    return tuple(rated(domain, "validation", limit))


@functools.cache
def predicted_of(domain: str, limit: int | None) -> dict[str, list[str]]:
    """The texts of a target that a final run predicts."""
    return to_predict([domain], limit)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def prepare(configuration: dict, variants) -> dict:
    """Let encoders read on, and keep every encoder's states, on two cores at once."""
    from joblib import Parallel, delayed

    read = sorted({kind for kind in map(kind_of, variants) if kind.startswith(KIND)})
    wanted = sorted({(kind_of(variant), domain) for variant in variants for domain in DOMAINS})
    parallel = Parallel(n_jobs=2)
    parallel(delayed(_alone)(note_of, kind) for kind in read)
    size = configuration["pool"]
    parallel(delayed(_alone)(_keep, kind, domain, size) for kind, domain in wanted)
    return {"read_on": {kind: note_of(kind) for kind in READ if is_kept(kind)}}


def _keep(kind: str, domain: str, size: int) -> None:
    states_of(kind, domain, [], size)


def _alone(function, *arguments):
    """On one thread, as every run."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    return function(*arguments)


STUDY = Study(
    name="domain_adaptation",
    variants=VARIANTS,
    search=trials,
    seeds=(0, 1, 2, 3, 4),
    run=run,
    trial=trial,
    settings_from=settings_from,
    prepare=prepare,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "steps": 64,
        "pool": 1_600,
        "source_texts": 340,
        "target_texts": 1_020,
        "unrated_texts": 800,
        "validation": 200,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate",),
    quick={
        "only": 60,
        "precision": "float32",
        "pool": 60,
        "source_texts": 20,
        "target_texts": 30,
        "unrated_texts": 30,
        "validation": 20,
        "steps": 5,
    },
    quick_variants=(("all but tweets", "dann"), ("all but tweets", "vader_labels")),
    check={
        "variant": ["all but tweets", "dann"],
        "settings": {"learning_rate": 1e-3},
        "seed": 0,
        "configuration": {
            "only": 100,
            "precision": "float32",
            "pool": 100,
            "source_texts": 60,
            "target_texts": 60,
            "unrated_texts": 80,
            "validation": 40,
            "steps": 12,
        },
    },
)

if __name__ == "__main__":
    main(STUDY)
