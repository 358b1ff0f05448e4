"""Does more raw text make better features? Pre-train, freeze, and predict ratings.

A small encoder is pre-trained by masked language modelling on 500, 2,000 or 8,000 film-review
snippets without their ratings, for the same number of steps. Then it is frozen, each text becomes
the mean of its hidden states, and ridge regression on 500 rated texts predicts the ratings of
others: of films (its own domain) and of products (texts that it never saw a word of).

Controls: the same encoder untrained; random weights with each tensor's mean and spread as after
training on 8,000 snippets ("matched"); training on 8,000 snippets whose words are shuffled; and no
encoder at all, but the words counted.

A run's seed draws the raw text and the rated texts anew, as well as the weights. The test texts are
the same for all. The vocabulary is that of all texts that may be trained on, in every variant.
"""

import math

import torch
from sklearn.linear_model import Ridge

from lessons_lib.data.batches import pad, text_batches
from lessons_lib.data.reviews import load_domain
from lessons_lib.data.tokens import split_words
from lessons_lib.model.layers import Config
from lessons_lib.model.random_weights import matched_weights
from lessons_lib.model.transformer import LanguageModel
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import (
    encode_text,
    hide_tokens,
    loss_over,
    mask_tokens,
    mean_hidden,
    prediction_loss,
    word_vocabulary,
)
from lessons_lib.training.plan import Plan
from studies.engine import Study, main

RAW = {"text_500": 500, "text_2000": 2_000, "text_8000": 8_000, "shuffled": 8_000, "matched": 8_000}
PENALTIES = (1.0, 10.0, 100.0, 1_000.0)
TEST, VALIDATION = 1_000, 1_000  # texts of each domain


def split_domain(domain: str) -> dict[str, list[tuple[list[str], float]]]:
    """Words and rating of each text: test, validation and train, groups kept whole, none twice."""
    unique = {tuple(split_words(one.text)): one for one in load_domain(domain)}
    groups: dict[str, list] = {}
    for words, snippet in unique.items():
        groups.setdefault(snippet.group, []).append((list(words), snippet.rating))
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(0)).tolist()
    shuffled = [list(groups.values())[number] for number in order]
    texts = [text for group in shuffled for text in group]
    first, second = _whole_groups(shuffled, TEST), _whole_groups(shuffled, TEST + VALIDATION)
    return {"test": texts[:first], "validation": texts[first:second], "train": texts[second:]}


def _whole_groups(groups: list[list], at_least: int) -> int:
    """How many texts the first groups hold that together reach `at_least`."""
    count = 0
    for group in groups:
        if count >= at_least:
            break
        count += len(group)
    return count


def run(variant: str, settings: dict, seed: int, configuration: dict) -> dict[str, float]:
    """Pre-train (or not), freeze, fit ridge on 500 ratings; r on the test texts of two domains."""
    torch.set_num_threads(1)  # runs are small: one core each, so that results do not depend on it
    films, products = (_drawn(split_domain(name), seed) for name in ("movies", "products"))
    vocabulary = word_vocabulary((words for words, _ in films["train"]), min_count=10)
    numbers = {}
    if variant == "bag_of_words":
        features_of = _count_words(vocabulary)
    else:
        raw = [words for words, _ in films["train"][: RAW.get(variant, 0)]]
        held_out = [encode_text(words, vocabulary) for words, _ in films["validation"][:300]]
        gaps = hide_tokens(pad(held_out)[0], configuration["share"], seed=1)
        model = _encoder(variant, raw, vocabulary, gaps, settings, seed, configuration)
        numbers["gap_loss_nats"] = loss_over(model, [gaps])

        def features_of(texts):
            return mean_hidden(model, [encode_text(words, vocabulary) for words, _ in texts])

    validation_r, numbers["r_movies"] = _probe(films, features_of, configuration["labels"])
    _, numbers["r_products"] = _probe(products, features_of, configuration["labels"])
    return {"validation": 1 - validation_r} | numbers


def _drawn(parts: dict, seed: int) -> dict:
    """The training texts in an order of the seed's; the first are the rated ones."""
    rng = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(parts["train"]), generator=rng).tolist()
    return parts | {"train": [parts["train"][number] for number in order]}


def _encoder(variant, raw, vocabulary, gaps, settings, seed, configuration) -> LanguageModel:
    """The frozen encoder of a variant."""
    torch.manual_seed(seed)
    model = LanguageModel(len(vocabulary), _config(configuration), is_causal=False)
    if variant == "untrained":
        return model.eval()
    if variant == "shuffled":
        raw = [_shuffled(words, number) for number, words in enumerate(raw)]
    texts = [encode_text(words, vocabulary) for words in raw]
    plan = Plan(
        configuration["steps"],
        settings["learning_rate"],
        warmup_steps=configuration["steps"] // 10,
        check_every=100,
    )
    batches = _masked(texts, len(vocabulary), seed, configuration)
    train(model, batches, prediction_loss, plan, validate=lambda model: loss_over(model, [gaps]))
    return matched_weights(model, seed) if variant == "matched" else model


def _config(configuration: dict) -> Config:
    width = configuration["d_model"]
    layers = configuration["num_layers"]
    return Config(d_model=width, num_heads=4, num_layers=layers, d_ff=4 * width, positions="rotary")


def _masked(texts, vocab_size: int, seed: int, configuration: dict):
    rng = torch.Generator().manual_seed(seed)
    for ids in text_batches(texts, configuration["batch_size"], seed):
        yield mask_tokens(ids, vocab_size, configuration["share"], rng)


def _shuffled(words: list[str], seed: int) -> list[str]:
    rng = torch.Generator().manual_seed(seed)
    return [words[number] for number in torch.randperm(len(words), generator=rng).tolist()]


def _count_words(vocabulary):
    """Texts to (texts, vocabulary): the square root of how often each known word occurs."""

    def features_of(texts):
        counts = torch.zeros(len(texts), len(vocabulary))
        for row, (words, _) in enumerate(texts):
            ids = torch.tensor(vocabulary.encode(words))
            counts[row] = torch.bincount(ids, minlength=len(vocabulary))
        return counts.sqrt()

    return features_of


def _probe(parts: dict, features_of, labels: int) -> tuple[float, float]:
    """r on validation (by which the penalty is chosen) and on test, of ridge on `labels` texts."""
    fitted_on, validation, test = parts["train"][:labels], parts["validation"], parts["test"]
    x, x_validation, x_test = (features_of(part).numpy() for part in (fitted_on, validation, test))
    ridges = [Ridge(penalty).fit(x, _ratings(fitted_on)) for penalty in PENALTIES]
    best = max(ridges, key=lambda ridge: _r(ridge.predict(x_validation), validation))
    return _r(best.predict(x_validation), validation), _r(best.predict(x_test), test)


def _ratings(texts) -> list[float]:
    return [rating for _, rating in texts]


def _r(predicted, texts) -> float:
    pair = torch.stack([torch.tensor(predicted), torch.tensor(_ratings(texts))])
    r = torch.corrcoef(pair)[0, 1].item()
    return 0.0 if math.isnan(r) else r


STUDY = Study(
    name="raw_text_and_quality",
    variants=(
        *("untrained", "bag_of_words", "text_8000", "text_500"),
        *("text_2000", "matched", "shuffled"),
    ),
    search={"learning_rate": (3e-3, 1e-2)},
    seeds=(0, 1, 2),
    run=run,
    configuration={
        "steps": 600,
        "batch_size": 64,
        "share": 0.3,
        "labels": 500,
        "d_model": 64,
        "num_layers": 2,
    },
    quick={"steps": 40},
    check={
        "variant": "text_500",
        "settings": {"learning_rate": 1e-2},
        "seed": 0,
        "configuration": {"steps": 60, "batch_size": 32},
    },
)

if __name__ == "__main__":
    main(STUDY)
