"""What does a small student keep of its teacher, and what has to be shown to it?

The teacher: the published encoder, six layers open, trained on the raters' histograms of 1,800
texts of each of the four domains; five of one setting. Students: two of its layers (evenly spaced;
or the first, or the last), three; two layers of the same shape from random weights; six layers of
half the width, from random weights; counted words, the floor. What they are shown: the raters'
labels alone, the control of each shape; half of that and half the teacher's soft targets; these and
the teacher's hidden states, attention or relations; the teacher alone; the mean of five teachers;
one rater's rating a text in place of all of them. Whoever starts from the teacher's layers has what
it learnt, whatever is shown; "2 published" starts from the encoder's as published and is shown
labels: a small model without any teacher.

The teacher has learnt from the same texts that the student is shown: what it says of them is no
prediction. One pair of students looks at the other case: a teacher that has seen no rating of a
tweet speaks of 1,800 unrated tweets ("unrated tweets"), or nobody does ("without tweets"). Both
start from the layers of that teacher.

The student of the site ("site"): two layers, 5,800 pieces, longer training on all training texts by
the five teachers alone (they have learnt from fewer than half of these), then a byte a weight; it
is measured as its file has it.

A seed is the teacher's and the student's: its head, its random weights, the order of the texts.
Everybody tries four settings, and goes on where the best lies at the edge; nobody stops early. What
is like another variant in all but the texts or the layers takes its settings from there.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.transfer.outcomes import ratings_of
from lessons_lib.transfer.students.histogram_model import expected_rating
from lessons_lib.transfer.students.small_file import load_student, student_bytes
from studies.engine import Study, main
from studies.shared import students as at_school
from studies.shared.teachers import SEEDS, make_all, pool, teacher
from studies.shared.texts import rated
from studies.shared.tuning import mean_square, outcome, to_predict

VARIANTS = (  # (shape, what it is shown)
    ("2 layers", "labels"),
    ("2 layers", "soft"),
    ("2 layers", "hidden"),
    ("2 layers", "attention"),
    ("2 layers", "relations"),
    ("2 published", "labels"),
    ("2 random", "labels"),
    ("2 random", "soft"),
    ("half width", "labels"),
    ("half width", "soft"),
    ("words", "labels"),
    ("words", "soft"),
    ("2 layers", "without tweets"),
    ("teacher", "labels"),
    ("site", "ensemble"),
    ("2 layers", "ensemble"),
    ("2 layers", "teacher alone"),
    ("2 random", "one rating"),
    ("2 layers", "unrated tweets"),
    ("3 layers", "soft"),
    ("first 2", "soft"),
    ("last 2", "soft"),
    ("teacher", "without tweets"),
)
FOLLOWS = {  # whose search is relied on
    ("site", "ensemble"): ("2 layers", "soft"),
    ("2 layers", "ensemble"): ("2 layers", "soft"),
    ("2 layers", "teacher alone"): ("2 layers", "soft"),
    ("2 random", "one rating"): ("2 random", "labels"),
    ("2 layers", "unrated tweets"): ("2 layers", "without tweets"),
    ("3 layers", "soft"): ("2 layers", "soft"),
    ("first 2", "soft"): ("2 layers", "soft"),
    ("last 2", "soft"): ("2 layers", "soft"),
    ("teacher", "labels"): ("2 layers", "labels"),  # its own setting is fixed
    ("teacher", "without tweets"): ("2 layers", "without tweets"),
}
BUDGET = """23 variants of 5 seeds, 13 of them with 4 trials (about 5.5 with those past the edge).
Teachers: 5 x 450 + 5 x 337 steps of .19 s, and what they say, 20 minutes of one core; 11 x 5.5
trials and 18 x 5 runs of 200 steps of .06 to .11 s, 15 to 35 s each with their predictions, an
hour; five site students of 1,500 steps, 10 minutes: about 90 minutes of one core, 45 of two."""


def trials(variant) -> list[dict]:
    """Four settings for everybody."""
    shape, taught = variant
    if shape == "words":
        return [{"alpha": alpha} for alpha in (0.3, 1.0, 3.0, 10.0)]
    if taught in at_school.EXTRAS:
        return [
            {"learning_rate": rate, "weight": weight}
            for rate in (2e-4, 4e-4)
            for weight in (0.3, 3.0)
        ]
    is_fresh = shape in ("2 random", "half width")
    rates = (3e-4, 6e-4, 1.2e-3, 2.4e-3) if is_fresh else (1e-4, 2e-4, 4e-4, 8e-4)
    return [{"learning_rate": rate} for rate in rates]


def prepare(configuration: dict, variants: list) -> None:
    """The teachers that these variants ask."""
    is_left_out = any("tweets" in taught for _, taught in variants)
    without = [None, configuration["left_out"]] if is_left_out else [None]
    make_all(SEEDS, without, configuration)


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True):
    """Make the student, show it what it is to be shown, predict all four domains."""
    shape, taught = variant
    left_out = configuration["left_out"] if "tweets" in taught else None
    read = [domain for domain in DOMAINS if domain != left_out]
    limit = configuration.get("only")
    reading, told = _learnt(shape, taught, settings, seed, configuration)
    predictor = _once(reading(configuration["precision"]))
    validation = {domain: rated(domain, "validation", limit) for domain in read}
    predicted = to_predict(DOMAINS, limit) if tested else {}
    claims = {"labels_read": {"training": read, "selection": read}}
    claims |= {"no_labels_of": [left_out]} if left_out else {}
    found = outcome(predictor, told, validation, predicted, **claims)
    numbers = found.numbers | {"validation": balanced_error(predictor, validation, configuration)}
    if tested:
        numbers |= {name: told[name] for name in ("parameters", "bytes")}
        if configuration["timed"]:
            numbers["milliseconds"] = round(at_school.milliseconds(reading("float32")), 2)
    return replace(found, numbers=numbers)


def trial(variant, settings: dict, seed: int, configuration: dict):
    """As `run`, but no test text is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


def balanced_error(predictor, validation: dict[str, list[Snippet]], configuration: dict) -> float:
    """The mean over domains of the squared error, each over the variance of its ratings."""
    errors = []
    for domain, texts in validation.items():
        said = predictor([one.text for one in texts])
        variance = np.var(ratings_of(pool(domain, configuration)))
        errors.append(mean_square(said, ratings_of(texts)) / variance)
    return round(float(np.mean(errors)), 5)


def _learnt(shape: str, taught: str, settings: dict, seed: int, configuration: dict):
    """What makes a predictor of a precision, and what the student took and weighs."""
    if shape == "words":
        return _words(taught, settings["alpha"], seed, configuration)
    if shape == "site":
        _, *found = site(settings, seed, configuration)
        return found
    left_out = configuration["left_out"] if "tweets" in taught else None
    if shape == "teacher":
        model = teacher(seed, configuration, left_out)
        told = {"seconds": 0.0, "steps": configuration["teacher_steps"]}
    else:
        shown = at_school.lesson(taught, seed, configuration)  # may train: so before the seed
        model = at_school.student(shape, seed, configuration, left_out)
        told = at_school.learn(model, taught, shown, settings, seed, configuration)
    return _reading(model), told | _sizes(model)


def site(settings: dict, seed: int, configuration: dict) -> tuple[bytes, Callable, dict]:
    """The student of the site: its file, what makes a predictor by that file, and what it took."""
    shown, steps = at_school.lesson_of_all_texts(configuration), configuration["site_steps"]
    model, tokenizer = at_school.small_student(seed, configuration)
    told = at_school.learn(model, "site", shown, settings, seed, configuration, tokenizer, steps)
    content = student_bytes(model, tokenizer)
    told |= _sizes(model) | {"bytes": len(content)}
    return content, _reading(*load_student(content)), told


def _reading(model, tokenizer=None) -> Callable:
    return lambda precision: at_school.read_by(model, precision, tokenizer)


def _sizes(model) -> dict[str, int]:
    """Parameters, and bytes of a file that holds them as float32."""
    parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, "bytes": 4 * parameters}


def _words(taught: str, alpha: float, seed: int, configuration: dict):
    """Weighted counts of words and pairs of words, and ridge: of labels, or half of the teacher."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    shown = at_school.lesson(taught, seed, configuration)
    ratings = expected_rating(shown.shares.clamp(min=1e-9).log())
    if taught == "soft":
        ratings = (ratings + expected_rating(shown.scores)) / 2
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    ridge = make_pipeline(counts, Ridge(alpha)).fit(shown.texts, ratings.numpy())
    parameters = len(ridge[-1].coef_) + 1
    told = {"seconds": time.perf_counter() - started, "steps": 0}
    return lambda precision: ridge.predict, told | {
        "parameters": parameters,
        "bytes": 4 * parameters,
    }


def _once(predictor):
    """The same predictor, which reads the same texts once."""
    known = {}

    def remembered(texts):
        key = tuple(texts)
        if key not in known:
            known[key] = predictor(texts)
        return known[key]

    return remembered


STUDY = Study(
    name="distillation",
    variants=VARIANTS,
    search=trials,
    seeds=SEEDS,
    run=run,
    trial=trial,
    settings_from=lambda variant: FOLLOWS.get(variant, variant),
    prepare=prepare,
    configuration={
        "splits": SPLITS_SHA256,
        "precision": "bfloat16",
        "batch_size": 16,
        "pool": 1800,
        "teacher_steps": 450,
        "teacher_rate": 2e-4,
        "left_out": "tweets",
        "temperature": 2.0,
        "steps": 200,
        "pieces": 5800,
        "site_steps": 1500,
        "timed": True,
    },
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate", "weight", "alpha"),
    quick={"only": 40, "precision": "float32", "teacher_steps": 4, "steps": 4, "timed": False},
    quick_variants=(("2 layers", "soft"), ("2 layers", "relations")),
    check={
        "variant": ["2 layers", "relations"],
        "settings": {"learning_rate": 4e-4, "weight": 1.0},
        "seed": 0,
        "configuration": {
            "only": 60,
            "precision": "float32",
            "teacher_steps": 8,
            "steps": 8,
            "timed": False,
        },
    },
)

if __name__ == "__main__":
    main(STUDY)
