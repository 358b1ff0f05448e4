"""One student: what it starts from, what it is shown, how it learns."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.model.encode import tokenize
from lessons_lib.model.pretrained import load_tokenizer
from lessons_lib.model.random_weights import default_weights
from lessons_lib.training.loop import train
from lessons_lib.transfer.fine_tuning import parameter_groups, predict, rated_batches
from lessons_lib.transfer.students.attention_maps import attention_loss, scores_of
from lessons_lib.transfer.students.hidden_states import hidden_loss
from lessons_lib.transfer.students.histogram_model import (
    RATINGS,
    HistogramModel,
    histograms,
    label_loss,
)
from lessons_lib.transfer.students.relations import relation_loss
from lessons_lib.transfer.students.shrink import evenly_spaced, narrower, shrunk
from lessons_lib.transfer.students.soft_targets import ensemble_scores, soft_target_loss
from lessons_lib.transfer.students.trimmed_vocabulary import (
    pieces_to_keep,
    trimmed,
    trimmed_tokenizer,
)
from lessons_lib.transfer.students.watching import watched
from studies.shared.encoders import encoder_of
from studies.shared.teachers import SEEDS, plan_of, pool, said_of, said_of_pool, teacher
from studies.shared.texts import rated, unrated

PLACES = {"3 layers": [1, 3, 5], "first 2": [0, 1], "last 2": [4, 5]}  # evenly spaced else
EXTRAS = ("hidden", "attention", "relations")
MOST_TOKENS = 256  # positions that the site's student keeps


@dataclass(frozen=True)
class Lesson:
    """Texts and what is said of each: the raters' shares, or what stands for them; the teacher's.

    Attributes:
        texts: N texts.
        shares: (N, 9), of the raters.
        scores: (N, 9), of the teacher.
    """

    texts: list[str]
    shares: Tensor
    scores: Tensor


def lesson(taught: str, seed: int, configuration: dict) -> Lesson:
    """What a student is shown that is taught in one way."""
    left_out = configuration["left_out"] if "tweets" in taught else None
    domains = [domain for domain in DOMAINS if domain != left_out]
    texts = [one for domain in domains for one in pool(domain, configuration)]
    shares = histograms(texts)
    if taught == "one rating":
        shares = one_rating(texts, seed)
    teachers = SEEDS if taught == "ensemble" else (seed,)
    scores = torch.zeros_like(shares)
    if taught not in ("labels", "one rating") and not left_out:
        scores = _of_all(said_of_pool, teachers, configuration)
    found = Lesson([one.text for one in texts], shares, scores)
    if taught == "unrated tweets":
        more = [one.text for one in pool(left_out, configuration)]
        told = said_of_pool(left_out, seed, configuration, without=left_out)
        found = Lesson(
            found.texts + more,
            torch.cat([shares, told.softmax(dim=-1)]),
            torch.cat([scores, told]),
        )
    return found


def lesson_of_all_texts(configuration: dict) -> Lesson:
    """All training texts, and what the ensemble says of them; most of them it has never seen."""
    limit = configuration.get("only")
    texts = [text for domain in DOMAINS for text in unrated(domain, "train", limit)]
    scores = _of_all(said_of, SEEDS, configuration)
    return Lesson(texts, scores.softmax(dim=-1), scores)


def one_rating(texts: Sequence[Snippet], seed: int) -> Tensor:
    """All of the share on one rater's rating, drawn at random for each text: (N, 9)."""
    rng = torch.Generator().manual_seed(seed)
    drawn = [torch.multinomial(row, 1, generator=rng).item() for row in histograms(texts)]
    return torch.nn.functional.one_hot(torch.tensor(drawn), len(RATINGS)).float()


def student(
    shape: str, seed: int, configuration: dict, without: str | None = None
) -> HistogramModel:
    """A student before its first step.

    Args:
        shape: "2 layers", "3 layers", "first 2", "last 2" (the teacher's own layers, word vectors
            and head; its word vectors shut), "2 published" (the same of the published encoder, with
            a new head), "2 random" (the same shape from random weights), "half width" (six layers,
            from random weights; everything open, as in "2 random").
        without: of a teacher that has never seen a rating of this domain.
    """
    master = teacher(seed, configuration, without)
    source = encoder_of("pretrained") if shape == "2 published" else master.encoder
    places = PLACES.get(shape, evenly_spaced(len(master.encoder.layers), 2))
    if shape == "half width":
        encoder = narrower(master.encoder, master.encoder.config.d_model // 2, 6, seed)
    else:
        encoder = shrunk(source, places)
    if shape == "2 random":
        encoder = default_weights(encoder, seed)
    is_fresh = shape in ("half width", "2 random")
    torch.manual_seed(seed)
    model = HistogramModel(encoder.requires_grad_(True), "all" if is_fresh else len(encoder.layers))
    if not is_fresh and shape != "2 published":
        model.head.load_state_dict(master.head.state_dict())
    return model


def small_student(seed: int, configuration: dict) -> tuple[HistogramModel, Tokenizer]:
    """The site's: two layers, few word vectors, which learn too; and its tokenizer."""
    limit = configuration.get("only")
    texts = [one.text for domain in DOMAINS for one in rated(domain, "train", limit)]
    pieces = pieces_to_keep(texts, load_tokenizer(), configuration["pieces"])
    model = student("2 layers", seed, configuration)
    model.encoder = trimmed(model.encoder, load_tokenizer(), pieces, MOST_TOKENS)
    model.encoder.requires_grad_(True)
    model.set_trained("all")
    return model, trimmed_tokenizer(load_tokenizer(), pieces)


def learn(
    model: HistogramModel,
    taught: str,
    shown: Lesson,
    settings: dict,
    seed: int,
    configuration: dict,
    tokenizer: Tokenizer | None = None,
    steps: int | None = None,
) -> dict:
    """Train a student in place; what it took: "seconds" and "steps"."""
    started = time.perf_counter()
    steps = steps or configuration["steps"]
    inputs = tokenize(shown.texts, tokenizer)
    targets = torch.cat([shown.shares, shown.scores], dim=1)
    batches = rated_batches(inputs, targets, configuration["batch_size"], seed)
    plan = plan_of(steps, settings["learning_rate"], configuration)
    loss = _loss(taught, settings.get("weight", 0.0), model, seed, configuration)
    train(model, batches, loss, plan, groups=parameter_groups(model, 1.0))
    return {"seconds": time.perf_counter() - started, "steps": steps}


def read_by(model: HistogramModel, precision: str, tokenizer: Tokenizer | None = None):
    """A predictor: texts to ratings (N,)."""

    def predictor(texts: Sequence[str]):
        inputs = [_cut(ids, model) for ids in tokenize(texts, tokenizer)]
        return predict(model, inputs, precision=precision)

    return predictor


def milliseconds(predictor, repeats: int = 3) -> float:
    """The median of the processor's time for 64 fixed texts, after one to warm up."""
    texts = unrated("movies", "validation", 64)
    taken = []
    for _ in range(1 + repeats):
        started = time.process_time()
        predictor(texts)
        taken.append(1000 * (time.process_time() - started))
    return sorted(taken[1:])[repeats // 2]


def _cut(ids: list[int], model: HistogramModel) -> list[int]:
    most = model.encoder.places.num_embeddings
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


def _of_all(said: Callable, teachers: Sequence[int], configuration: dict) -> Tensor:
    """What teachers say of all domains, one after the other; of several, the ensemble's."""
    found = []
    for domain in DOMAINS:
        each = [said(domain, one, configuration) for one in teachers]
        found.append(each[0] if len(each) == 1 else ensemble_scores(each))
    return torch.cat(found)


def _loss(taught: str, weight: float, model: HistogramModel, seed: int, configuration: dict):
    """The loss of one way of teaching; half of it the raters', where there is a teacher."""
    heat = configuration["temperature"]
    if taught in ("labels", "one rating", "without tweets", "unrated tweets"):
        share = 0.0
    else:
        share = 1.0 if taught in ("teacher alone", "site") else 0.5

    def targets_loss(scores: Tensor, targets: Tensor) -> Tensor:
        shares, told = targets.split(len(RATINGS), dim=1)
        loss = torch.zeros((), device=scores.device)
        if share < 1:
            loss = loss + (1 - share) * label_loss(scores, shares)
        if share > 0:
            loss = loss + share * soft_target_loss(scores, told, heat)
        return loss

    if taught not in EXTRAS:
        return lambda model, batch: targets_loss(model.scores(*batch[:2]), batch[2])
    master = teacher(seed, configuration)
    places = evenly_spaced(len(master.encoder.layers), len(model.encoder.layers))

    def loss_of(model: HistogramModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, mask, targets = batch
        with torch.no_grad():
            told = watched(master.to(x.device).encoder, x, mask)
        own = watched(model.encoder, x, mask)
        loss = targets_loss(model.read(model.pool(own.states[-1], mask)), targets)
        return loss + weight * _extra(taught, own, told, places, mask, model)

    return loss_of


def _extra(taught: str, own, told, places: list[int], mask: Tensor, model) -> Tensor:
    """How far the student is from the teacher inside, by one of `EXTRAS`."""
    heads = model.encoder.config.num_heads
    if taught == "relations":  # of the last layer
        kinds = [(x.query[-1], x.key[-1], x.value[-1]) for x in (own, told)]
        return relation_loss(*kinds, mask, heads)
    losses = []
    for layer, place in enumerate(places):
        if taught == "hidden":
            losses.append(hidden_loss(own.states[layer + 1], told.states[place + 1], mask))
        else:
            scores = [
                scores_of(x.query[at], x.key[at], heads) for x, at in ((own, layer), (told, place))
            ]
            losses.append(attention_loss(*scores, mask))
    return torch.stack(losses).mean()
