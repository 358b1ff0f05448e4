"""What to do with 8, 16, 32 or 64 labels?

From n rated texts of one domain to the ratings of other texts of it, on films and on tweets. Nobody
can search with eight labels, so all settings are chosen on a third domain, products, with as many
labels of its own and 200 more to choose by, and are then used as they are: all n labels are
trained on. Every way tries four settings on three draws, and goes on where the best one lies at
the edge.

Ways: a linear probe, nearest neighbours, prototypes, the top two layers, the same with copies whose
words are thinned, contrastive learning and then a probe, the lexicon's score beside the features,
descriptions of the ends beside them, a model that has learnt the three other domains taught
further; texts picked to be far apart; n ratings spent on n / 4 texts with four raters each, against
n texts with one. And a language model that is asked, with 0, 4 or 8 examples, or that
learns by LoRA from 32.

A seed draws the n texts anew, starts the head, orders the texts and drops out.
"""

from dataclasses import replace

import numpy as np

from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.measure.metrics import pearson
from lessons_lib.transfer.outcomes import ratings_of
from studies.engine import Outcome, Study, main
from studies.shared.few import PAST_THE_EDGE, SETTINGS, Given, chosen, learnt
from studies.shared.prompted import PROMPTED, WORDINGS, answered
from studies.shared.texts import rated
from studies.shared.tuning import outcome, to_predict

DOMAINS = ("movies", "tweets")
CHOSEN_ON = "products"  # whose labels decide all settings
LABELS = ("8", "16", "32", "64")
VARIANTS = (  # (domain, way, labels)
    *((domain, way, n) for domain in DOMAINS for way in SETTINGS for n in LABELS),
    *((domain, way, n) for domain in DOMAINS for way, n in PROMPTED),
)
DRAWS = tuple(range(10))
FEWER = {"asked": (0, 1, 2), "asked_taught": (0, 1, 2)}  # the language model is dear
BUDGET = """96 variants of ten draws over features or the top two layers, 1 to 4 s each on one core,
and as many trials on products (12 ways x 4 numbers x 4 settings x 3 draws): 40 minutes of one core.
The language model, 16 trials and 20 runs of 1 to 2 minutes: 30. In all 35 minutes of two cores."""


def settings_from(variant):
    """Nobody can search with a handful of labels: the search is on another domain."""
    return (CHOSEN_ON, *variant[1:])


def trials(variant) -> list[dict]:
    """Four settings for everybody."""
    way = variant[1]
    if way == "asked":
        return [{"wording": number} for number in range(len(WORDINGS))]
    if way == "asked_taught":
        rates = (3e-4, 1e-3)
        return [{"wording": w, "learning_rate": rate} for w in (0, 1) for rate in rates]
    return SETTINGS[way]


def seeds(variant) -> tuple[int, ...]:
    """Ten draws; fewer where a language model answers, one where it is shown nothing."""
    if variant[1:] == ("asked", "0"):
        return (0,)
    return FEWER.get(variant[1], DRAWS)


def run(variant, settings: dict, seed: int, configuration: dict):
    """Draw n rated texts, learn from all of them, predict; no text is left to choose by."""
    domain, limit = variant[0], configuration.get("only")
    predictor, told, texts = _learnt(variant, settings, seed, configuration)
    found = outcome(
        predictor,
        told,
        {domain: texts},
        to_predict([domain], limit),
        labels_read={"training": [domain], "selection": [CHOSEN_ON]},
    )
    numbers = {name: x for name, x in found.numbers.items() if name != "validation"}
    numbers["training_error"] = found.numbers["validation"]
    packed = {n: x for n, x in found.predictions.items() if not n.startswith("validation")}
    return replace(found, numbers=numbers, predictions=packed)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """1 - r on validation texts of the domain where settings are chosen: the mean of some draws."""
    domain, way, _ = variant
    asks = way not in SETTINGS
    most = configuration["validation_asked" if asks else "validation"]
    texts = rated(domain, "validation", most)
    wanted, found, seconds = ratings_of(texts), [], 0.0
    for draw in range(seed, seed + configuration["draws_asked" if asks else "draws"]):
        predictor, told, _ = _learnt(variant, settings, draw, configuration)
        said = predictor([one.text for one in texts])
        found.append(pearson(said, wanted) if np.ptp(said) else 0.0)
        seconds += told["seconds"]
    numbers = {"validation": round(1 - float(np.mean(found)), 5), "steps": told["steps"]}
    read = {"training": [domain], "selection": [domain]}
    return Outcome(numbers, {}, seconds, 0.0, labels_read=read)


def _learnt(variant, settings: dict, seed: int, configuration: dict):
    """A predictor, what it took, and the rated texts that it was given."""
    domain, way, labels = variant
    texts = chosen(way, domain, int(labels), seed, configuration.get("only"))
    if way in SETTINGS:
        given = Given(domain, texts, seed, configuration)
        return *learnt(way, given, settings), texts
    return *answered(way, texts, settings, seed, configuration), texts


STUDY = Study(
    name="few_labels",
    variants=VARIANTS,
    search=trials,
    seeds=seeds,
    run=run,
    trial=trial,
    settings_from=settings_from,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "steps": 40,
        "taught_steps": 150,
        "lora_steps": 40,
        "validation": 200,
        "draws": 3,
        "validation_asked": 100,
        "draws_asked": 1,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=PAST_THE_EDGE,
    quick={"only": 80, "precision": "float32", "steps": 3, "taught_steps": 3, "validation": 20},
    quick_variants=(("tweets", "probe", "8"), ("tweets", "contrastive", "8")),
    check={
        "variant": ["tweets", "contrastive", "16"],
        "settings": {"learning_rate": 3e-4},
        "seed": 0,
        "configuration": {"only": 100, "precision": "float32", "steps": 10},
    },
)

if __name__ == "__main__":
    main(STUDY)
