"""Probes: one linear layer on what is given, its penalty chosen inside the texts it may see.

Ridge regression for ratings, logistic regression for classes. Groups of texts are never parted.
"""

import warnings

import numpy as np

PENALTIES = (0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
COSTS = (0.01, 0.1, 1.0, 10.0)  # of an error: logistic regression's penalty is 1 over it
NUM_FOLDS = 5
_INNER_FOLDS = 3


def folds_of(labels: np.ndarray, groups, is_rated: bool, num_folds: int = NUM_FOLDS, seed: int = 0):
    """Places to learn from and to be asked, `num_folds` times; groups stay together.

    Args:
        labels, groups: (N,).
        is_rated: False = each fold gets its share of each class, as far as groups permit.

    Returns:
        A list of pairs of places (int arrays).
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    kind = GroupKFold if is_rated else StratifiedGroupKFold
    folds = kind(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # a class rarer than there are folds
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(folds.split(np.zeros(len(labels)), labels, groups))


def fit(x, labels: np.ndarray, groups, is_rated: bool):
    """A probe whose penalty does best by cross-validation on the very texts it learns from.

    Where there is too little to part in folds, the middle penalty is taken. Where all labels are
    alike, that label is said of everything.

    Args:
        x: (N, F), an array or a sparse matrix.
        labels: (N,) ratings, or numbers of classes.
        groups: (N,).

    Returns:
        What has `predict`; for classes `predict_log_proba` and `classes_`, too.
    """
    from sklearn.dummy import DummyClassifier

    groups = np.asarray(groups)
    counts = np.unique(labels, return_counts=True)[1]
    if not is_rated and len(counts) == 1:
        return DummyClassifier().fit(np.zeros((len(labels), 1)), labels)
    choices = PENALTIES if is_rated else COSTS
    model_of = _ridge if is_rated else _logistic
    best = choices[len(choices) // 2]
    if len(np.unique(groups)) >= 2 * _INNER_FOLDS and (is_rated or counts.min() >= _INNER_FOLDS):
        best = _chosen(model_of, choices, x, labels, groups, is_rated)
    return model_of(best, x).fit(x, labels)


def _chosen(model_of, choices, x, labels, groups, is_rated: bool) -> float:
    from sklearn.metrics import balanced_accuracy_score, mean_squared_error

    quality = np.zeros(len(choices))
    for learn, ask in folds_of(labels, groups, is_rated, _INNER_FOLDS, seed=1):
        if not is_rated and len(np.unique(labels[learn])) < 2:
            continue
        for place, choice in enumerate(choices):
            said = model_of(choice, x).fit(x[learn], labels[learn]).predict(x[ask])
            if is_rated:
                quality[place] -= mean_squared_error(labels[ask], said)
            else:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="y_pred contains classes not in")
                    quality[place] += balanced_accuracy_score(labels[ask], said)
    return choices[int(np.argmax(quality))]


def _ridge(penalty: float, x):
    from sklearn.linear_model import Ridge

    is_dense = isinstance(x, np.ndarray)
    return Ridge(penalty, solver="cholesky") if is_dense else Ridge(penalty, solver="sparse_cg")


def _logistic(cost: float, x):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=cost, class_weight="balanced", max_iter=1000, tol=1e-3)


def out_of_fold(x_of, labels: np.ndarray, groups, is_rated: bool, num_classes: int) -> np.ndarray:
    """What probes say of texts that they have not learnt from, by cross-validation.

    Args:
        x_of: places to learn from -> (N, F) of all texts, so that what represents a text may be
            learnt from those places, too.

    Returns:
        (N,) ratings, or (N, classes) logarithms of chances.
    """
    said = np.zeros((len(labels), num_classes) if num_classes else len(labels))
    for learn, ask in folds_of(labels, groups, is_rated):
        x = x_of(learn)
        model = fit(x[learn], labels[learn], np.asarray(groups)[learn], is_rated)
        if is_rated:
            said[ask] = model.predict(x[ask])
        else:
            said[ask] = log_chances(model, x[ask], num_classes)
    return said


def log_chances(model, x, num_classes: int) -> np.ndarray:
    """(N, classes); a class that the model has not seen gets next to none."""
    found = np.full((x.shape[0], num_classes), -20.0)
    with np.errstate(divide="ignore"):
        known = np.maximum(model.predict_log_proba(x), -20.0)
    found[:, np.asarray(model.classes_, dtype=int)] = known
    return found


def words_of(texts):
    """For `out_of_fold`: TF-IDF weights of words, counted in the texts to learn from."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = np.array(texts, dtype=object)

    def x_of(learn):
        counter = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
        return counter.fit(texts[learn]).transform(texts)

    return x_of
