"""The checklist's numbers, each beside an independent computation; on real texts at the end."""

import numpy as np
import pytest

from lessons_lib.data.splits import load_split
from lessons_lib.measure.intervals import interval, paired_difference
from lessons_lib.transfer.advise import power_law, probes, scoring, sources
from lessons_lib.transfer.advise.blending import own_blend
from lessons_lib.transfer.advise.checks.curve import learning_curve
from lessons_lib.transfer.advise.checks.distances import _halves
from lessons_lib.transfer.advise.checks.own_labels import probes as own_labels
from lessons_lib.transfer.advise.grouping import Together, grouped
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.running import run
from lessons_lib.transfer.lexicon import WEIGHTS


def labelled(labels, groups=None, classes=(), texts=None) -> Labelled:
    """Labels with texts that nobody reads."""
    labels = np.asarray(labels)
    texts = texts or [f"text {n}" for n in range(len(labels))]
    groups = list(range(len(labels))) if groups is None else list(groups)
    positive = 1 if len(classes) == 2 else None
    return Labelled("a", texts, labels, tuple(classes), positive, Together(groups, ""), None, {})


@pytest.fixture
def numbers():
    """Features (120, 7), ratings that half follow from them, groups of three."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 7))
    y = x @ rng.normal(size=7) + rng.normal(size=120)
    return x, y, np.arange(120) // 3


def test_r_and_its_intervals_are_those_of_the_course(numbers):
    x, y, groups = numbers
    data = labelled(y, groups)
    said = np.stack([x[:, 0], x[:, 1], x[:, 2]])
    (found,) = scoring.intervals(data, [said])
    wanted = interval(said, y, groups, scoring.NUM_RESAMPLES)
    assert (found.value, found.low, found.high) == (wanted.value, wanted.low, wanted.high)
    gap = scoring.difference(data, said, x[:, 3])
    assert gap == paired_difference(said, x[:, 3], y, groups, scoring.NUM_RESAMPLES)


def test_mean_recall_is_sklearns_balanced_accuracy():
    from sklearn.metrics import balanced_accuracy_score

    rng = np.random.default_rng(0)
    truth = rng.choice(3, size=90, p=[0.7, 0.2, 0.1])
    said = np.where(rng.random((2, 90)) < 0.6, truth, rng.integers(0, 3, (2, 90)))
    data = labelled(truth, np.arange(90) // 2, ("a", "b", "c"))
    values, drawn = scoring.resampled(data, [said])
    assert values[0] == pytest.approx(np.mean([balanced_accuracy_score(truth, s) for s in said]))
    one = labelled(truth, None, ("a", "b", "c"))
    _, drawn = scoring.resampled(one, [said[0]])
    spread = np.sqrt(  # of a mean of three shares
        sum(
            (p := np.mean(said[0][truth == k] == k)) * (1 - p) / np.sum(truth == k)
            for k in range(3)
        )
        / 9
    )
    assert drawn.std() == pytest.approx(spread, rel=0.15)


def test_a_method_that_says_one_thing_is_at_the_floor(numbers):
    _, y, groups = numbers
    data = labelled(y, groups)
    assert scoring.intervals(data, [np.ones(120)])[0].value == scoring.floor_of(data) == 0
    data = labelled((y > 0).astype(int), groups, ("bad", "good"))
    assert scoring.intervals(data, [np.ones(120, int)])[0].value == scoring.floor_of(data) == 0.5


@pytest.mark.parametrize("is_rated", [True, False])
def test_folds_part_no_group_and_ask_each_text_once(numbers, is_rated):
    _, y, groups = numbers
    labels = y if is_rated else (y > 0).astype(int)
    folds = probes.folds_of(labels, groups, is_rated)
    asked = np.concatenate([ask for _, ask in folds])
    assert sorted(asked) == list(range(120))
    assert not any(set(groups[learn]) & set(groups[ask]) for learn, ask in folds)


def test_the_probe_is_ridge_by_grid_search_inside_each_fold(numbers):
    """Written once more with scikit-learn's own search."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold

    x, y, groups = numbers
    wanted = np.zeros(120)
    outer = GroupKFold(5, shuffle=True, random_state=0)
    for learn, ask in outer.split(x, y, groups):
        inner = GroupKFold(3, shuffle=True, random_state=1)
        search = GridSearchCV(
            Ridge(), {"alpha": probes.PENALTIES}, cv=inner, scoring="neg_mean_squared_error"
        )
        wanted[ask] = search.fit(x[learn], y[learn], groups=groups[learn]).predict(x[ask])
    found = probes.out_of_fold(lambda _: x, y, groups, True, 0)
    assert np.allclose(found, wanted)


def test_words_are_counted_in_the_texts_to_learn_from_alone():
    x = probes.words_of(["good good", "bad", "rare word"])(np.array([0, 1]))
    assert x.shape == (3, 2) and x[2].nnz == 0


def test_one_class_alone_is_said_of_everything():
    model = probes.fit(np.zeros((8, 2)), np.full(8, 1), range(8), False)
    assert probes.log_chances(model, np.zeros((3, 2)), 2).argmax(axis=1).tolist() == [1, 1, 1]


def test_a_blend_takes_the_lexicon_where_it_knows_and_leaves_it_where_not(numbers):
    _, y, groups = numbers
    data = labelled(y, groups)
    rng = np.random.default_rng(1)
    noise, know = rng.normal(size=120), y + 0.1 * rng.normal(size=120)
    assert set(own_blend(data, noise, know)[1]) == {WEIGHTS[-1]}
    said, weights = own_blend(data, know, noise)
    assert set(weights) == {0.0} and np.corrcoef(said, know)[0, 1] == pytest.approx(1)
    classes = labelled((y > 0).astype(int), groups, ("bad", "good"))
    chances = np.stack([-y, y], axis=1)
    assert (own_blend(classes, np.zeros((120, 2)), chances)[0] == classes.labels).all()


def test_a_power_law_is_found_again_and_needs_what_it_says():
    sizes = np.array([8, 16, 32, 64, 128])
    law = power_law.fit(sizes, (0.9 - 1.1 * sizes**-0.6)[:, None])
    assert law[:, 0] == pytest.approx([0.9, 1.1, 0.6], abs=0.02)
    assert power_law.needed(law, 0.9 - 1.1 * 50**-0.6)[0] == pytest.approx(50, rel=0.02)
    assert power_law.needed(law, 0.95)[0] == np.inf


def test_a_curve_that_does_not_rise_asks_for_nothing_or_for_ever():
    law = power_law.fit([8, 16, 32], np.array([[0.6], [0.5], [0.4]]))
    assert law[:2, 0].tolist() == pytest.approx([0.5, 0.0])
    assert power_law.needed(law, 0.45)[0] == 0 and power_law.needed(law, 0.55)[0] == np.inf


def test_nothing_is_read_beyond_twice_the_labels():
    assert power_law.told(199, 8, 100) == "200"
    assert power_law.told(201, 8, 100) == power_law.told(np.inf, 8, 100) == "more than 200"


def test_the_curve_rises_and_the_goal_is_the_readers(numbers):
    x, y, groups = numbers
    found = learning_curve(labelled(y, groups), x, goal=0.999).found
    assert found["sizes"] == [8, 16, 32, 64, 81]
    assert found["curve"][-1].value > found["curve"][0].value
    assert found["goal"] == 0.999 and found["needed"].startswith("more than 162")
    own = learning_curve(labelled(y, groups), x).found
    assert own["number"] < 81 and "more" not in own["needed"]  # all labels give more than 95%
    assert own["goal"] == pytest.approx(0.95 * power_law.at(own["law"], 81))


def test_halves_part_no_group():
    groups = np.repeat(range(20), [1, 2, 3, 4] * 5).tolist()
    learn, ask = _halves(groups, 40)
    assert len({*learn, *ask}) == len(learn) + len(ask) == 40
    assert not {groups[i] for i in learn} & {groups[i] for i in ask}
    assert len(learn) == pytest.approx(27, abs=3)


def test_near_duplicates_are_joined_unless_they_join_everything():
    rng = np.random.default_rng(0)
    letters = [
        " ".join("".join(rng.choice(list("abcdefgh"), 7)) for _ in range(6)) for _ in "x" * 60
    ]
    twins = grouped([*letters, f"{letters[0]} indeed"], None, "a")
    assert twins.groups[60] == twins.groups[0] and len(set(twins.groups)) == 60
    alike = [f"The very same long sentence about the weather on day {n}" for n in range(60)]
    assert len(set(grouped(alike, None, "a").groups)) == 60


def test_real_texts_give_what_scikit_learn_and_scipy_give(monkeypatch):
    """300 test texts of products: the probe, VADER and the zero-label model, computed anew."""
    from scipy.stats import pearsonr
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    monkeypatch.setattr(sources, "NUM_TRAIN", 40)
    monkeypatch.setattr(sources, "NUM_HELD_OUT", 30)
    snippets = load_split("products").test[:300]
    texts, y = [s.text for s in snippets], np.array([s.rating for s in snippets])
    data = labelled(y, grouped(texts, [s.group for s in snippets], "a").groups, texts=texts)
    groups = np.array([s.group for s in snippets])
    found = run(data)

    x = sources.features_of(texts)
    said = np.zeros(300)
    for learn, ask in GroupKFold(5, shuffle=True, random_state=0).split(x, y, data.groups):
        inner = GroupKFold(3, shuffle=True, random_state=1)
        search = GridSearchCV(
            Ridge(), {"alpha": probes.PENALTIES}, cv=inner, scoring="neg_mean_squared_error"
        )
        own = np.array(data.groups)[learn]
        said[ask] = search.fit(x[learn], y[learn], groups=own).predict(x[ask])
        assert not set(groups[learn]) & set(groups[ask])
    step = found.steps
    assert step["probes"].found["probe"].value == pytest.approx(pearsonr(said, y)[0], abs=1e-3)
    analyser = SentimentIntensityAnalyzer()
    vader = [analyser.polarity_scores(text)["compound"] for text in texts]
    assert step["lexicon"].found["vader"].value == pytest.approx(pearsonr(vader, y)[0])
    both = own_blend(data, said, np.array(vader))[0]
    assert step["lexicon"].found["gain"].value == pytest.approx(
        pearsonr(both, y)[0] - pearsonr(said, y)[0], abs=1e-3
    )
    weight = {round(w, 2) for w in WEIGHTS}
    z = [(one - one.mean()) / one.std() for one in (said, np.array(vader))]
    each = [pearsonr(z[0] + w * z[1], y)[0] for w in sorted(weight)]
    assert min(each) - 0.01 < step["lexicon"].found["blended"].value < max(each) + 0.01
    assert 0.5 < step["probes"].found["probe"].value < 0.8  # chapter 11 has 0.7 with 500 labels
    assert 0.4 < step["free"].found["found"]["model of other domains"].value < 0.8
    distances = step["shift"].found["distances"]
    assert min(distances, key=distances.get) == "products"
    assert step["ceiling"].found == {}
    assert all(any(sign.isdigit() for sign in one.rests_on) for one in found.advice)


def test_classes_on_features_that_tell_them_apart(numbers):
    x, y, groups = numbers
    texts = [f"thing {'fine' if one > 0 else 'poor'} {n}" for n, one in enumerate(y)]
    data = labelled((x[:, 0] > 0).astype(int), groups, ("no", "yes"), texts)
    step, said = own_labels(data, x)
    assert step.found["probe"].low > 0.8 and said.shape == (120, 2)
    assert step.found["floor"] == 0.5
