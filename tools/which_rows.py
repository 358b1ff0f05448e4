"""Which technique when: each situation, what to do there, and the comparisons that say so.

A comparison is of stored runs, so its interval is computed where the page is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.measure.results import Variant


@dataclass(frozen=True)
class Comparison:
    """r of one thing minus r of another on a domain's texts.

    Attributes:
        words: what is compared, as a person would say it.
        study: whose runs they are.
        first, second: variants of the study, or what `lessons_lib.transfer.outcomes` makes of them.
        target: the domain whose texts are judged.
    """

    words: str
    study: str
    first: Variant
    second: Variant
    target: str


@dataclass(frozen=True)
class Situation:
    """What you have or want, what to do, what it rests on, and the page that teaches it."""

    question: str
    advice: str
    chapter: str
    rests_on: tuple[Comparison, ...]


SAID = {"movies": "films"}  # how a domain is called on the pages


def _each(domains: Sequence[str], study: str, *rows: tuple) -> tuple[Comparison, ...]:
    """Each row in several domains: its words, and two variants, {} for the domain's name."""
    return tuple(
        Comparison(f"{SAID.get(d, d)}: {words}", study, _filled(first, d), _filled(second, d), d)
        for words, first, second in rows
        for d in domains
    )


def _filled(variant: Variant, domain: str) -> Variant:
    if isinstance(variant, str):
        return variant.format(domain)
    return tuple(part.format(domain) for part in variant)


TWO = ("movies", "tweets")
THREE_OTHERS = ("all but {}", "everything", "pretrained")


SITUATIONS = (
    Situation(
        "No label at all",
        "Take a model that has learnt from several other domains, average its seeds, and add a "
        "lexicon. Where the lexicon is strong by itself, as on tweets, nothing that we tried is "
        "shown to beat it.",
        "12_fine_tuning",
        _each(
            DOMAINS,
            "source_target_matrix",
            ("three other domains against VADER", THREE_OTHERS, "VADER"),
            (
                "the same, averaged and blended with VADER, against VADER",
                ("blend", *THREE_OTHERS),
                "VADER",
            ),
        ),
    ),
    Situation(
        "No label, and many unrated texts",
        "Let the lexicon rate them, and learn from that beside the other domains' labels. Reading "
        "on in the raw texts may help. Our recipes for pulling the domains together lost, or "
        "brought nothing; weaker pulls were not run.",
        "14_domain_adaptation",
        (
            *_each(
                DOMAINS,
                "domain_adaptation",
                (
                    "VADER a teacher against the sources alone, at one rate",
                    ("all but {}", "vader_labels"),
                    ("all but {}", "plain_at_its_rate"),
                ),
                (
                    "MMD against the sources alone",
                    ("all but {}", "mmd"),
                    ("all but {}", "plain"),
                ),
                (
                    "gradient reversal against the sources alone",
                    ("all but {}", "dann"),
                    ("all but {}", "plain"),
                ),
            ),
            *_each(
                ("tweets",),
                "domain_adaptation",
                (
                    "having read on in tweets against having read on in products",
                    ("all but {}", "masked_words"),
                    ("all but {}", "masked_elsewhere"),
                ),
            ),
        ),
    ),
    Situation(
        "A handful of labels, 8 to 64",
        "Add what is known before the first of them: other domains' labels, a description of both "
        "ends, a lexicon that you trust; with fewer than some dozens of labels keep that as it is. "
        "Or ask a language model: it may have met your kind of text before. Without any of these, "
        "and with 64, train on pairs first. Ask for more texts rather than for more raters; to "
        "pick the texts cleverly is not shown to pay.",
        "16_low_resource",
        _each(
            TWO,
            "few_labels",
            (
                "16 labels and other domains against 16 alone",
                ("{}", "elsewhere", "16"),
                ("{}", "probe", "16"),
            ),
            (
                "16 labels and a lexicon against 16 alone",
                ("{}", "lexicon", "16"),
                ("{}", "probe", "16"),
            ),
            (
                "8 labels beside other domains against none beside them",
                ("{}", "elsewhere", "8"),
                ("{}", "elsewhere", "0"),
            ),
            (
                "64 labels and all priors against 64 alone",
                ("{}", "all_priors", "64"),
                ("{}", "probe", "64"),
            ),
            (
                "asked without a label, against 64 labels",
                ("{}", "asked", "0"),
                ("{}", "probe", "64"),
            ),
            (
                "all six layers against a head alone, 8",
                ("{}", "everything", "8"),
                ("{}", "probe", "8"),
            ),
            (
                "pairs first against a head alone, 64",
                ("{}", "contrastive", "64"),
                ("{}", "probe", "64"),
            ),
            (
                "texts far apart against random ones, 64",
                ("{}", "far_apart", "64"),
                ("{}", "probe", "64"),
            ),
            (
                "64 ratings: of 64 texts against four each of 16",
                ("{}", "one_rater", "64"),
                ("{}", "four_raters", "64"),
            ),
        ),
    ),
    Situation(
        "Some hundreds of labels or more",
        "Begin with a published encoder, never with random weights. With 256 labels our search "
        "opened the top two layers, with 1,000 and more all of them; how deep to open was chosen, "
        "not compared.",
        "12_fine_tuning",
        (
            Comparison(
                "films, 256 labels: published weights against random ones",
                "labels_needed",
                ("movies", "256", "pretrained"),
                ("movies", "256", "default"),
                "movies",
            ),
            Comparison(
                "films, 2,000 labels: the same",
                "labels_needed",
                ("movies", "2000", "pretrained"),
                ("movies", "2000", "default"),
                "movies",
            ),
            Comparison(
                "tweets, 1,000 labels: the same",
                "labels_needed",
                ("tweets", "1000", "pretrained"),
                ("tweets", "1000", "default"),
                "tweets",
            ),
            Comparison(
                "films: published with 64 labels against random with 1,000",
                "labels_needed",
                ("movies", "64", "pretrained"),
                ("movies", "1000", "default"),
                "movies",
            ),
        ),
    ),
    Situation(
        "Many domains, one encoder in memory",
        "Insert LoRA or adapters, or open the biases alone: against everything open they lose "
        "three hundredths at most, and after correction no loss is shown. A head alone is not "
        "enough, and prefixes stay behind.",
        "13_parameter_efficient",
        _each(
            TWO[::-1],
            "parameters_against_quality",
            ("LoRA against everything", ("lora", "{}"), ("all", "{}")),
            ("adapters against everything", ("adapters", "{}"), ("all", "{}")),
            ("biases against everything", ("bias_only", "{}"), ("all", "{}")),
            ("a head alone against LoRA", ("head", "{}"), ("lora", "{}")),
            ("prefixes against LoRA", ("prefix", "{}"), ("lora", "{}")),
        ),
    ),
    Situation(
        "The old domain must stay as good as it was",
        "Choose rate and stopping by old texts as well as by new ones: that alone gave back most "
        "of what was lost on films, for .02 to .07 on the new domain. Then put old texts between "
        "the new ones; where they may not be trained on, go a part of the way back to the old "
        "weights.",
        "15_forgetting",
        tuple(
            Comparison(
                f"{SAID.get(one, one)} then {SAID.get(other, other)}, the {age} domain: {words}",
                "forgetting_frontier",
                (one, other, first),
                (one, other, second),
                one if age == "old" else other,
            )
            for one, other in (("movies", "tweets"), ("tweets", "movies"))
            for words, first, second in (
                ("chosen by old texts too, against new ones alone", "plain", "greedy"),
                ("rehearsal against new texts alone", "rehearsal", "greedy"),
                ("a part of the way back, against new texts alone", "wise", "greedy"),
            )
            for age in ("old", "new")
        ),
    ),
    Situation(
        "It is too large or too slow",
        "Three of the teacher's layers keep most of it; two cost more. Start a student from "
        "trained layers. What a teacher says beside the labels is worth a hundredth or two.",
        "17_distillation",
        (
            *_each(
                DOMAINS,
                "distillation",
                ("three layers against the teacher", ("3 layers", "soft"), ("teacher", "labels")),
                ("two layers against the teacher", ("2 layers", "soft"), ("teacher", "labels")),
            ),
            *_each(
                TWO[:1],
                "distillation",
                (
                    "two random layers against two of the teacher's",
                    ("2 random", "labels"),
                    ("2 layers", "labels"),
                ),
            ),
        ),
    ),
)
