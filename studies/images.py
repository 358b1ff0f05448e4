"""Digits from three places: what does a model that learnt one place know of another?

Places: digits drawn from fonts, scanned handwriting, MNIST, all 8 x 8
(`lessons_lib/data/digits.py`). The model: a small vision Transformer of the reader's own encoder
layers, from random weights. Its source is one place, with 1,000 labels (training and validation
together).

Without a label of the target: "source only"; DANN, CORAL and MMD beside 1,000 unlabelled images of
the target; the target's mean and spread put in place of the source's. These are the functions that
the chapters on texts use (`lessons_lib/transfer/unlabelled`), with the strengths that their papers
fix; rates are chosen on the source's validation images. "CORAL / 10" is a tenth of that strength,
at the source's own rate: added after the forecast, for the strengths turned out to be too large.
With k labels of the target: the source's model trained on ("fine-tuned"), and the same model from
random weights ("from scratch"), which has 400 steps in place of 150. "20 at 300's rate" has a rate
that more than five images have chosen, "300 for longer" 400 steps; both were added.

A seed is the draw of all labels, the random weights, the order of the images.
"""

import time
from collections.abc import Callable, Iterator

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.base.device import working
from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.digits import PLACES, Digits, load_digits
from lessons_lib.measure.results import pack
from lessons_lib.model.layers import Config, EncoderLayer
from lessons_lib.model.patches import PatchClassifier, PatchEncoder, cut_into_patches
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import parameter_groups
from lessons_lib.transfer.unlabelled.beside_target import balanced, loss_beside
from lessons_lib.transfer.unlabelled.coral import coral_loss
from lessons_lib.transfer.unlabelled.gradient_reversal import (
    DomainGuesser,
    domain_loss,
    strength_at,
)
from lessons_lib.transfer.unlabelled.mmd import mmd
from lessons_lib.transfer.unlabelled.target_statistics import as_if_from_source
from studies.engine import Study, main
from studies.runs import Outcome

SEEDS = (0, 1, 2, 3, 4)
PAIRS = tuple((a, b) for a in PLACES for b in PLACES if a != b)
UNLABELLED = ("source only", "DANN", "CORAL", "MMD", "target statistics")
WEAKER = ("DANN / 10", "CORAL / 10", "CORAL / 100", "MMD / 100")  # added after the forecast
LABELS = ("20", "100", "300")
BORROWED, LONGER = " at 300's rate", " for longer"  # likewise: of 20 labels 5 choose a rate
SOURCE_LABELS = 1000
SCRATCH = "nothing"  # in the place of a source
SOURCE_RATE = 3e-3  # of the models that are trained on with labels of the target
GUESSER = 10.0  # the domain head's rate over that of the layers, as for texts
VARIANTS = (
    *((source, target, method) for source, target in PAIRS for method in UNLABELLED),
    *((source, target, k) for source, target in PAIRS for k in LABELS),
    *((SCRATCH, target, k) for target in PLACES for k in (*LABELS, str(SOURCE_LABELS))),
    *((source, "scans", method) for source in ("fonts", "mnist") for method in WEAKER),
    *((source, target, "20" + BORROWED) for source, target in PAIRS),
    *((SCRATCH, target, "20" + BORROWED) for target in PLACES),
    *((source, target, "300" + LONGER) for source, target in PAIRS),
)
BUDGET = """83 variants of 5 seeds; 51 of them with 4 trials (about 5 with those past the edge). On
one core a step of 32 images takes .011 s, of 32 and 32 beside each other twice that: 400 steps take
4.4 s, beside the target 9 s, fine-tuning 2 s: 18 x 10 x 9 + 42 x 7 x 3 s, about 45 minutes of one
core, 23 of two."""


def trials(variant: tuple[str, str, str]) -> list[dict]:
    """Four rates for everybody."""
    is_further = variant[0] != SCRATCH and variant[2] in LABELS
    rates = (1e-4, 3e-4, 1e-3, 3e-3) if is_further else (3e-4, 1e-3, 3e-3, 1e-2)
    return [{"learning_rate": rate} for rate in rates]


def relied_on(variant: tuple[str, str, str]) -> tuple[str, str, str]:
    """A source's own training is the same for all of its targets; weaker pulls take its rate."""
    source, target, method = variant
    if method.endswith((BORROWED, LONGER)):
        return source, target, "300"
    if method not in ("source only", "target statistics", *WEAKER):
        return variant
    return source, next(b for a, b in PAIRS if a == source), "source only"


def run(variant, settings: dict, seed: int, configuration: dict, tested: bool = True) -> Outcome:
    """Train by one method; see how many of the target's test digits are read rightly."""
    source, target, method = variant
    started = time.perf_counter()
    learner = Learner(settings["learning_rate"], seed, configuration)
    model, held_out, labels_read = learner.learn(source, target, method)
    numbers = {"validation": loss_on(model, held_out)}
    seconds, packed = time.perf_counter() - started, {}
    if tested:
        classify = learner.classify or (lambda images: said(model, images))
        test = load_digits(target, "test")
        right = (classify(test.images).argmax(dim=-1) == test.labels).float()
        numbers["accuracy"], packed["test"] = right.mean().item(), pack(right.tolist())
        if source != SCRATCH:
            own = load_digits(source, "test")
            found = said(model, own.images).argmax(dim=-1) == own.labels
            numbers["accuracy_on_source"] = found.float().mean().item()
    rounded = {name: round(value, 5) for name, value in numbers.items()}
    claims = {"labels_read": {"training": labels_read, "selection": labels_read}}
    if method.partition(" / ")[0] in UNLABELLED:
        claims["no_labels_of"] = [target]
        claims["labels_read"] = {"training": [source], "selection": [source]}
    return Outcome(rounded, packed, training_seconds=seconds, **claims)


def trial(variant, settings: dict, seed: int, configuration: dict) -> Outcome:
    """As `run`, but no test image is looked at."""
    return run(variant, settings, seed, configuration, tested=False)


class Learner:
    """One training; `classify` is set where the target is read by other means than the model's."""

    def __init__(self, rate: float, seed: int, configuration: dict):
        self.rate, self.seed, self.configuration = rate, seed, configuration
        self.classify: Callable[[Tensor], Tensor] | None = None

    def learn(self, source: str, target: str, method: str):
        """The trained model, the validation images, and the places whose labels were read."""
        if method.split()[0] in LABELS or source == SCRATCH:
            further = "steps" if method.endswith(LONGER) else "further_steps"
            return self._with_labels(source, target, int(method.split()[0]), further)
        learnt, held_out = drawn(source, SOURCE_LABELS, self.seed)
        unlabelled = unlabelled_images(target, SOURCE_LABELS, self.seed)
        torch.manual_seed(self.seed)
        model = new_model()
        if method in ("source only", "target statistics"):
            self._train(model, labelled(learnt, self._size(), self.seed), class_loss)
        else:
            self._beside(model, learnt, unlabelled, method)
        if method == "target statistics":
            features = [pooled(model, x) for x in (unlabelled, learnt.images)]

            def classify(images: Tensor) -> Tensor:
                with torch.no_grad():
                    return model.read(as_if_from_source(pooled(model, images), *features))

            self.classify = classify
        return model, held_out, [source]

    def _with_labels(self, source: str, target: str, count: int, further: str):
        learnt, held_out = drawn(target, count, self.seed)
        steps = self.configuration["steps"]
        read = [target]
        if source == SCRATCH:
            torch.manual_seed(self.seed)
            model = new_model()
        else:
            model = source_model(source, self.seed, self.configuration)
            steps, read = self.configuration[further], [source, target]
        self._train(model, labelled(learnt, self._size(), self.seed), class_loss, steps)
        return model, held_out, read

    def _beside(self, model: PatchClassifier, learnt: Digits, unlabelled: Tensor, method: str):
        steps, extra = self.configuration["steps"], []
        method, _, parts = method.partition(" / ")
        weight = 1 / int(parts or 1)
        if method == "DANN":
            model.guesser = DomainGuesser(model.head.in_features)
            extra = [{"params": list(model.guesser.parameters()), "rate_factor": GUESSER}]
            done = iter(range(steps))

            def penalty(source: Tensor, target: Tensor) -> Tensor:
                strength = weight * strength_at(next(done) / steps)
                return domain_loss(model.guesser, source, target, strength)

        else:
            whole = balanced({"CORAL": coral_loss, "MMD": mmd}[method])

            def penalty(source: Tensor, target: Tensor, loss: Tensor) -> Tensor:
                return weight * whole(source, target, loss)

            penalty.wants_loss = True
        nothing = Digits(unlabelled, torch.full((len(unlabelled),), -1))
        pairs = zip(
            labelled(learnt, self._size(), self.seed),
            labelled(nothing, self._size(), self.seed + 1),
            strict=False,
        )
        self._train(model, pairs, loss_beside(functional.cross_entropy, penalty), extra=extra)

    def _train(self, model, batches, loss_of, steps: int | None = None, extra=()):
        steps = steps or self.configuration["steps"]
        plan = Plan(steps, self.rate, warmup_steps=steps // 10, check_every=steps)
        train(model, batches, loss_of, plan, groups=[*parameter_groups(model, 1.0), *extra])

    def _size(self) -> int:
        return self.configuration["batch_size"]


def source_model(place: str, seed: int, configuration: dict) -> PatchClassifier:
    """What has learnt a place from 1,000 labels; made once, then kept."""
    steps, size = configuration["steps"], configuration["batch_size"]
    path = cache_folder() / "images" / f"{place}_{seed}_{steps}_{size}_{SOURCE_RATE}.safetensors"
    if not path.is_file():
        other = next(b for a, b in PAIRS if a == place)
        model, _, _ = Learner(SOURCE_RATE, seed, configuration).learn(place, other, "source only")
        with atomic_write(path) as out:
            out.write(save(model.state_dict()))
    model = new_model()
    model.load_state_dict(load_file(path))
    return model


def prepare(configuration: dict, variants: list) -> None:
    """The models that these variants train on."""
    from joblib import Parallel, delayed

    places = {v[0] for v in variants if v[0] != SCRATCH and v[2].split()[0] in LABELS}
    wanted = [(place, seed) for place in sorted(places) for seed in SEEDS]
    Parallel(n_jobs=-1)(delayed(_make)(*one, configuration) for one in wanted)


def _make(place: str, seed: int, configuration: dict) -> None:
    torch.set_num_threads(1)
    source_model(place, seed, configuration)


def new_model() -> PatchClassifier:
    """A vision Transformer of two encoder layers; its weights follow torch's own seed."""
    config = Config(d_model=64, num_heads=4, num_layers=2, d_ff=256)
    layers = [EncoderLayer(config) for _ in range(config.num_layers)]
    encoder = PatchEncoder(layers, 64, num_patches=16, patch_values=4, last_norm=nn.LayerNorm(64))
    return PatchClassifier(encoder, num_classes=10)


def drawn(place: str, count: int, seed: int) -> tuple[Digits, Digits]:
    """So many labelled digits of a place: three quarters to train, a quarter for validation."""
    pool = load_digits(place, "train")
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))[:count]
    cut = count * 3 // 4
    return pool.take(order[:cut]), pool.take(order[cut:])


def unlabelled_images(place: str, count: int, seed: int) -> Tensor:
    """The images alone of so many digits of a place: (N, 8, 8)."""
    pool = load_digits(place, "train").images
    rng = torch.Generator().manual_seed(100 + seed)
    return pool[torch.randperm(len(pool), generator=rng)[:count]]


def labelled(digits: Digits, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of patches and labels, each pass in a new order."""
    rng = torch.Generator().manual_seed(seed)
    patches, size = cut_into_patches(digits.images, 2), min(size, len(digits))
    while True:
        for places in torch.randperm(len(digits), generator=rng).split(size):
            if len(places) == size:
                yield patches[places], digits.labels[places]


def class_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy in nats."""
    return functional.cross_entropy(model(batch[0]), batch[1])


@torch.no_grad()
def pooled(model: PatchClassifier, images: Tensor) -> Tensor:
    """Pooled features of images: (N, d_model)."""
    model.eval()
    with working(model) as device:
        return model.pooled(cut_into_patches(images, 2).to(device)).cpu()


def said(model: PatchClassifier, images: Tensor) -> Tensor:
    """A model's scores of images: (N, 10)."""
    with torch.no_grad():
        return model.read(pooled(model, images))


def loss_on(model: PatchClassifier, digits: Digits) -> float:
    """Mean cross-entropy in nats, by which settings are chosen."""
    return functional.cross_entropy(said(model, digits.images), digits.labels).item()


STUDY = Study(
    name="images",
    variants=VARIANTS,
    search=trials,
    seeds=SEEDS,
    run=run,
    trial=trial,
    prepare=prepare,
    settings_from=relied_on,
    configuration={"batch_size": 32, "steps": 400, "further_steps": 150},
    budget_text=" ".join(BUDGET.split()),
    past_the_edge=("learning_rate",),
    quick={"steps": 4, "further_steps": 3},
    quick_variants=(
        ("fonts", "scans", "source only"),
        ("fonts", "scans", "DANN"),
        ("fonts", "scans", "CORAL"),
        ("fonts", "mnist", "MMD"),
        ("fonts", "scans", "target statistics"),
        ("fonts", "scans", "20"),
        (SCRATCH, "scans", "20"),
    ),
    check={
        "variant": ["fonts", "scans", "CORAL"],
        "settings": {"learning_rate": 3e-3},
        "seed": 0,
        "configuration": {"steps": 60},
    },
)

if __name__ == "__main__":
    main(STUDY)
