"""What students of the distillation study are given, and what they must not see."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from lessons_lib.data import splits
from lessons_lib.measure.results import unpack
from studies import distillation
from studies.shared import students, teachers, texts
from studies.shared.texts import masked

SMALL = distillation.STUDY.configuration | {
    "only": 6,
    "precision": "float32",
    "teacher_steps": 2,
    "steps": 2,
    "timed": False,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Holds teachers of these tests' own size, made by whichever test needs one first."""
    return tmp_path_factory.mktemp("teachers")


@pytest.fixture
def own_teachers(folder, monkeypatch):
    monkeypatch.setattr(teachers, "cache_folder", lambda: folder)


def test_no_rating_of_a_tweet_reaches_the_student_that_is_said_to_do_without(
    own_teachers, monkeypatch, tmp_path
):
    variant, settings = ("2 layers", "unrated tweets"), {"learning_rate": 4e-4}
    seen = distillation.run(variant, settings, 0, SMALL)

    def blind(domain):
        split = splits.load_split(domain)
        parts = {"test": masked(split.test)}
        if domain == "tweets":
            parts |= {"train": masked(split.train), "validation": masked(split.validation)}
        return replace(split, **parts)

    monkeypatch.setattr(texts, "load_split", blind)
    monkeypatch.setattr(teachers, "cache_folder", lambda: tmp_path)  # no teacher is kept there
    unseen = distillation.run(variant, settings, 0, SMALL)
    assert unseen.predictions == seen.predictions
    assert unseen.numbers == seen.numbers
    assert seen.no_labels_of == ["tweets"]
    assert np.isfinite(unpack(seen.predictions["sealed_tweets"])).all()


def test_teachers_are_trained_once_and_differ_by_their_seed(own_teachers):
    first, again, other = (teachers.teacher(seed, SMALL) for seed in (0, 0, 1))
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not first.head.weight.equal(other.head.weight)
    assert not any(parameter.requires_grad for parameter in first.parameters())
    words = first.encoder.tokens.weight  # shut: as published
    assert words.equal(students.encoder_of("pretrained").tokens.weight)
    layer = "layers.5.feed_forward.0.weight"
    assert not first.encoder.get_parameter(layer).equal(
        students.encoder_of("pretrained").get_parameter(layer)
    )


def test_what_is_said_of_the_pool_is_what_is_said_of_its_texts(own_teachers):
    told = teachers.said_of_pool("tweets", 0, SMALL)
    inputs = teachers.tokenize([one.text for one in teachers.pool("tweets", SMALL)])
    asked = teachers.scores_of(teachers.teacher(0, SMALL), inputs, "float32")
    assert told.shape == (6, 9)
    assert torch.allclose(told, asked, atol=1e-4)


def test_students_start_from_the_layers_that_their_name_says(own_teachers):
    master = teachers.teacher(0, SMALL)
    places = {"2 layers": [2, 5], "3 layers": [1, 3, 5], "first 2": [0, 1], "last 2": [4, 5]}
    for shape, expected in places.items():
        model = students.student(shape, 0, SMALL)
        for layer, place in zip(model.encoder.layers, expected, strict=True):
            theirs = master.encoder.layers[place].attention.project_key.weight
            assert layer.attention.project_key.weight.equal(theirs)
        assert model.head.weight.equal(master.head.weight)
        assert not model.encoder.tokens.weight.requires_grad
        assert model.encoder.layers[0].feed_forward[0].weight.requires_grad
    published = students.student("2 published", 0, SMALL).encoder.layers[1].feed_forward[0].weight
    own = students.encoder_of("pretrained").layers[5].feed_forward[0].weight
    assert published.equal(own) and not published.equal(
        master.encoder.layers[5].feed_forward[0].weight
    )


@pytest.mark.parametrize("shape", ["2 random", "half width"])
def test_random_controls_have_everything_open_and_nothing_of_the_teacher(own_teachers, shape):
    model = students.student(shape, 0, SMALL)
    assert all(parameter.requires_grad for parameter in model.parameters())
    theirs = teachers.teacher(0, SMALL).state_dict()
    shared = {
        name
        for name, tensor in model.state_dict().items()
        if tensor.dim() > 1 and name in theirs and tensor.equal(theirs[name])
    }
    assert shared == set()
    other = students.student(shape, 1, SMALL)
    assert not other.encoder.tokens.weight.equal(model.encoder.tokens.weight)


def test_one_rating_a_text_is_one_that_a_rater_gave():
    given = teachers.pool("tweets", SMALL)
    drawn = students.one_rating(given, seed=3)
    assert drawn.sum(dim=1).eq(1).all()
    ratings = [number - 4 for number in drawn.argmax(dim=1).tolist()]
    assert all(rating in one.ratings for rating, one in zip(ratings, given, strict=True))
    assert not drawn.equal(students.one_rating(given, seed=4))


def test_the_ensemble_is_the_mean_of_five_and_one_teacher_is_one(own_teachers):
    one, five = (students.lesson(taught, 1, SMALL) for taught in ("soft", "ensemble"))
    each = [
        torch.cat([teachers.said_of_pool(d, seed, SMALL) for d in teachers.DOMAINS])
        for seed in teachers.SEEDS
    ]
    assert one.scores.equal(each[1])
    mean = torch.stack([scores.softmax(dim=-1) for scores in each]).mean(dim=0)
    assert torch.allclose(five.scores.softmax(dim=-1), mean, atol=1e-6)


@pytest.mark.parametrize("taught", students.EXTRAS)
def test_a_student_that_is_its_teacher_has_nothing_to_learn_inside(own_teachers, taught):
    master = teachers.teacher(0, SMALL)
    x = torch.tensor([[101, 2307, 3185, 102], [101, 2919, 102, 0]])
    mask = (x > 0)[:, None]
    told = students.watched(master.encoder, x, mask)
    same = students._extra(taught, told, told, list(range(6)), mask, master)
    assert same.item() == pytest.approx(0, abs=1e-6)
    cut = students.student("2 layers", 0, SMALL)
    own = students.watched(cut.encoder, x, mask)
    assert students._extra(taught, own, told, [2, 5], mask, cut).item() > 0.01


def test_the_site_s_student_is_measured_as_its_file_has_it(own_teachers):
    small = SMALL | {"site_steps": 2}
    content, reading, told = distillation.site({"learning_rate": 1e-4}, 0, small)
    assert told["bytes"] == len(content) <= 6_000_000
    again, _, _ = distillation.site({"learning_rate": 1e-4}, 0, small)
    assert hashlib.sha256(again).digest() == hashlib.sha256(content).digest()
    model, tokenizer = distillation.load_student(content)
    asked = students.read_by(model, "float32", tokenizer)(["A good film."])
    assert reading("float32")(["A good film."]) == pytest.approx(asked)
