"""What to do with 8, 16, 32 or 64 labels?

From n rated texts of one domain to the ratings of other texts of it, on films and on tweets. Nobody
can search with eight labels, so all settings are chosen on a third domain, products, with n labels
of its own and 200 more to choose by, and are then used as they are: beside the n no rated film or
tweet is looked at, and all n are learnt from. (But for the prior of three other domains: where its
settings are chosen, on products, two of the three are films and tweets.) Every way tries four
settings on the mean of three draws, and goes on where the best one lies at the edge.

Ways: ridge on the published encoder's vectors (probe; at up to 1,024 labels, for the others are
held against this curve); neighbours and prototypes on the same vectors; the probe with columns of
what is known before the first label: the lexicon's score, likeness to descriptions of the two
ends, what ridge has learnt in the three other domains, and all of these; all six layers trained, as
they are, for three times as long, with copies that lack a fifth of their words, or on pairs first.
Texts are drawn at random, or so that they are far apart, or where ridges disagree. A label is the
mean of fifteen to a hundred raters of a text; "one_rater" and "four_raters" spend n ratings on n
texts or on n / 4. And a language model that is asked, behind 0, 4 or 8 examples, or that has
learnt by LoRA from 8 or 64 labels.

A seed draws the n texts anew, starts the head, orders the texts and drops out.
"""

from dataclasses import replace

import numpy as np

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.transfer.outcomes import ratings_of
from studies.engine import Outcome, Study, main
from studies.shared.few import DESCRIPTIONS, PAST_THE_EDGE, SETTINGS, Given, learnt
from studies.shared.few_texts import given, keep_vectors
from studies.shared.prompted import PROMPTED, TAUGHT, WORDINGS, answered
from studies.shared.texts import others, rated
from studies.shared.tuning import outcome, r_or_0, to_predict

ON = ("movies", "tweets")
CHOSEN_ON = "products"  # whose labels decide all settings
LABELS = ("8", "16", "32", "64")
CURVE = (*LABELS, "128", "256", "512", "1024")
RATINGS = ("16", "64", "256")  # that are paid for, one rater or four a text
WAYS = {
    **dict.fromkeys(("neighbours", "prototypes", "lexicon", "elsewhere", "all_priors"), LABELS),
    "everything": LABELS,
    "contrastive": ("8", "16", "64"),
    **dict.fromkeys(("described", "far_apart", "doubtful"), ("16", "64")),
    **dict.fromkeys(("one_rater", "four_raters"), RATINGS),
    **dict.fromkeys(("longer", "thinned"), ("64",)),
}
INFORMED = ("elsewhere", "all_priors")  # by ratings of the three other domains
WITHOUT = (("described", "0"), ("elsewhere", "0"), ("asked", "0"))  # a label of the domain
VARIANTS = (  # (domain, way, labels)
    *((domain, "probe", n) for domain in ON for n in CURVE),
    *((domain, way, n) for domain in ON for way, counts in WAYS.items() for n in counts),
    *((domain, *one) for domain in ON for one in WITHOUT),
    *((domain, *one) for domain in ON for one in (*PROMPTED[1:], *TAUGHT)),
)
DRAWS = tuple(range(10))
FEWER = (  # five draws: each takes a minute or two where there is no GPU
    *((domain, "asked", "8") for domain in ON),
    ("tweets", "asked", "4"),
    *((domain, *one) for domain in ON for one in TAUGHT),
)
BUDGET = """vectors of 17,000 texts once, 2 minutes of one core; 74 variants of ridge or neighbours,
a second a run, 14 minutes with their trials; 18 variants with all six layers open, ten draws each
of 40 steps of .13 to .2 s and 3 to 5 s to predict, and trials of three such draws, 50 to 70 minutes
of one core in bfloat16: 40 minutes of two cores in all. The language model: 3 minutes of one GPU;
without one .03 to .08 s a text, 80 minutes more of two cores."""


def settings_from(variant):
    """Nobody can search with a handful of labels: the search is on another domain."""
    return (CHOSEN_ON, *variant[1:])


def trials(variant) -> list[dict]:
    """Four settings for everybody; one where nothing is to be set."""
    _, way, labels = variant
    if way == "asked":
        return [{"wording": name} for name in WORDINGS]
    if way == "asked_taught":
        wordings = list(WORDINGS)[:2]
        return [{"wording": w, "learning_rate": rate} for w in wordings for rate in (3e-4, 1e-3)]
    if labels == "0":
        return (
            [{"words": name} for name in DESCRIPTIONS] if way == "described" else [{"alpha": 1.0}]
        )
    return SETTINGS[way]


def seeds(variant) -> tuple[int, ...]:
    """Ten draws; five for some of the language model's; one where nothing is drawn."""
    if variant[2] == "0":
        return DRAWS[:1]
    return DRAWS[:5] if tuple(variant) in FEWER else DRAWS


def prepare(configuration: dict, variants: list) -> None:
    """All texts' vectors, in the cache folder."""
    keep_vectors(DOMAINS, configuration.get("only"))


def run(variant, settings: dict, seed: int, configuration: dict):
    """Draw n rated texts, learn from all of them, predict; no text is left to choose by."""
    domain, way, labels = variant
    predictor, told, texts = _learnt(variant, settings, seed, configuration)
    read = [domain] * (labels != "0") + others(domain) * (way in INFORMED)
    found = outcome(
        predictor,
        told,
        {domain: texts} if texts else {},
        to_predict([domain], configuration.get("only")),
        labels_read={"training": read, "selection": [CHOSEN_ON]},
        no_labels_of=[domain] if labels == "0" else [],
    )
    numbers = {name: x for name, x in found.numbers.items() if name != "validation"}
    numbers["training_error"] = found.numbers["validation"] if texts else 0.0
    numbers["validation"] = numbers["training_error"]  # settings come from elsewhere
    if "blank" in told:
        numbers["blank"] = told["blank"]
    packed = {n: x for n, x in found.predictions.items() if not n.startswith("validation")}
    return replace(found, numbers=numbers, predictions=packed)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """1 - r on validation texts of the domain where settings are chosen: the mean of some draws."""
    domain = variant[0]
    texts = rated(domain, "validation", configuration["validation"])
    wanted, found, seconds = ratings_of(texts), [], 0.0
    draws = 1 if variant[2] == "0" else configuration["draws"]
    for draw in range(seed, seed + draws):
        predictor, told, _ = _learnt(variant, settings, draw, configuration)
        said = predictor([one.text for one in texts])
        found.append(r_or_0(said, wanted))
        seconds += told["seconds"]
    numbers = {"validation": round(1 - float(np.mean(found)), 5), "steps": told["steps"]}
    more = others(domain) * (variant[1] in INFORMED)
    read = {"training": [domain, *more], "selection": [domain]}
    return Outcome(numbers, {}, seconds, 0.0, labels_read=read)


def _learnt(variant, settings: dict, seed: int, configuration: dict):
    """A predictor, what it took, and the rated texts that it was given."""
    domain, way, labels = variant
    texts = given(way, domain, int(labels), seed, configuration.get("only"))
    if way in SETTINGS:
        return *learnt(way, Given(domain, texts, seed, configuration), settings), texts
    return *answered(way, texts, settings, seed, configuration), texts


STUDY = Study(
    name="few_labels",
    variants=VARIANTS,
    search=trials,
    seeds=seeds,
    run=run,
    trial=trial,
    settings_from=settings_from,
    prepare=prepare,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "steps": 40,
        "longer": 3,
        "lora_steps": 40,
        "validation": 200,
        "draws": 3,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=PAST_THE_EDGE,
    quick={"only": 80, "precision": "float32", "steps": 3, "lora_steps": 2, "validation": 20},
    quick_variants=(
        ("tweets", "probe", "8"),
        ("tweets", "contrastive", "8"),
        ("tweets", "all_priors", "8"),
    ),
    check={
        "variant": ["tweets", "contrastive", "16"],
        "settings": {"learning_rate": 3e-4},
        "seed": 0,
        "configuration": {"only": 60, "precision": "float32", "steps": 8},
    },
)

if __name__ == "__main__":
    main(STUDY)
