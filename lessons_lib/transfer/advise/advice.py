"""A few plain sentences, each of which follows from a number of the checklist and says which."""

from collections.abc import Mapping
from dataclasses import dataclass

from lessons_lib.measure.intervals import Difference
from lessons_lib.transfer.advise import power_law, scoring, studied
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Step

_DOMAINS, _TUNING, _FEW = "11_domains_and_transfer", "12_fine_tuning", "13_parameter_efficient"
FAR, NEAR = 1.0, 0.05


@dataclass(frozen=True)
class Advice:
    """One sentence, the numbers that it rests on, and the chapter that teaches it."""

    sentence: str
    rests_on: str
    chapter: str


def advice_from(data: Labelled, steps: Mapping[str, Step]) -> list[Advice]:
    """What to do, most important first.

    Args:
        steps: by name: read, shift, ceiling, lexicon, probes, free, curve.
    """
    found = {name: step.found for name, step in steps.items()}
    measure = scoring.measure_of(data)
    given = [
        *_probe(data, found, measure),
        *_lexicon(data, found, measure),
        *_free(found, measure),
        *_labels(found, measure),
        *_people(found),
        *_next(data, found),
        *_texts(found),
    ]
    return given


def _reads(found: Mapping) -> bool:
    return found["probes"]["probe"].low > found["probes"]["floor"]


def _probe(data: Labelled, found: Mapping, measure: str) -> list[Advice]:
    probe, words = found["probes"]["probe"], found["probes"]["words"]
    rests = f"Frozen probe: {measure} {probe}; floor {found['probes']['floor']:.2f}."
    if not _reads(found):
        return [
            Advice(
                "Look at the labels before you buy more of them: it cannot be shown that the "
                "encoder's features tell anything about these.",
                rests,
                _DOMAINS,
            )
        ]
    gap = found["probes"]["gap"]
    rests = f"Frozen probe minus counted words: {_signed(gap)}; probe {probe}, words {words}."
    if gap.low > 0:
        sentence = "Build on the encoder's features, not on counted words: they read more."
    elif gap.high < 0:
        sentence = "Begin with counted words: on your texts they read more than the features."
    else:
        sentence = (
            "Begin with whichever is cheaper to run, features or counted words: your texts do not "
            "tell which reads more."
        )
    return [Advice(sentence, rests, _DOMAINS)]


def _lexicon(data: Labelled, found: Mapping, measure: str) -> list[Advice]:
    gain, vader = found["lexicon"]["gain"], found["lexicon"]["vader"]
    ahead = scoring.difference(data, found["probes"]["said"], found["lexicon"]["said"])
    rests = f"Frozen probe minus VADER: {_signed(ahead)}; VADER {measure} {vader}."
    if ahead.low > 0:
        sentence = "Train on your labels rather than take the lexicon alone."
    elif ahead.high < 0:
        sentence = "Take the lexicon, not the frozen probe: it reads your texts better, unpaid."
    else:
        sentence = (
            "Do not pay for labels to beat the lexicon with a frozen probe: with those you have, "
            "no difference can be shown."
        )
    added = f"Blended minus probe alone: {_signed(gain)}."
    if gain.low > 0:
        both = (
            "Add VADER to the probe, by a weight chosen on your own labels: in the study "
            "source_target_matrix a weight chosen on other domains did not bring the blend "
            "above VADER on tweets."
        )
        return [
            Advice(sentence, rests, _DOMAINS),
            Advice(both, f"{added} {_blend_on_tweets()}", _TUNING),
        ]
    both = "Leave VADER out of the model: no gain from adding it can be shown."
    return [Advice(sentence, rests, _DOMAINS), Advice(both, added, _TUNING)]


def _blend_on_tweets() -> str:
    one = studied.blend_on_tweets()
    return (
        f"In the study, three other domains blended with VADER minus VADER, on sealed tweets: "
        f"{one['value']:+.2f} [{one['low']:+.2f}, {one['high']:+.2f}]."
    ).replace("-", "−")


def _free(found: Mapping, measure: str) -> list[Advice]:
    name, worth = "model of other domains", found["curve"]["worth"]
    if name not in worth:
        return []
    value = found["free"]["found"][name]
    rests = f"Model of other domains: {measure} {value}; worth {worth[name]} labels of yours."
    if value.low <= found["probes"]["floor"]:
        return [
            Advice(
                "Do not borrow: it cannot be shown that ratings of other domains say anything "
                "about your labels.",
                rests,
                _DOMAINS,
            )
        ]
    number = worth[name].partition(" [")[0]
    if number.startswith("fewer"):
        sentence = f"Do not trouble to borrow: other people's labels are worth {number} of yours."
    elif number.startswith("more"):
        sentence = f"Borrow other people's labels: they are worth {number} of yours."
    else:
        sentence = (
            f"Until you have some {number} labels, borrow other people's: about as many of yours "
            "are needed to read as well."
        )
    return [Advice(sentence, rests, _DOMAINS)]


def _labels(found: Mapping, measure: str) -> list[Advice]:
    curve = found["curve"]
    goal, needed, most, last = (curve[k] for k in ("goal", "needed", "most", "last"))
    rests = f"{measure} {goal:.2f} needs {needed} labels; {most:,} were tried."
    number = curve["number"]
    aim = "your goal" if curve["given"] else "95% of what all your labels give"
    if not _reads(found):
        return []
    told = needed.partition(" [")[0]
    if number > power_law.FURTHEST * most:
        sentence = f"Do not count on labels alone for {aim}: the frozen probe needs {told}."
    elif number > most:
        sentence = f"Label up to some {told} texts for {aim}."
    else:
        sentence = f"For {aim}, {told} labels do, with a frozen probe."
    more = (
        "More labels still help the frozen probe."
        if last.low > 0
        else "Do not expect much from the next labels for a frozen probe: the last ones brought "
        "no gain that can be shown."
    )
    step = f"From {curve['before']:,} to {most:,} labels: {_signed(last)}."
    return [Advice(sentence, rests, _TUNING), Advice(more, step, _TUNING)]


def _people(found: Mapping) -> list[Advice]:
    probe, ceiling = found["probes"]["probe"], found["ceiling"]
    if "human" not in ceiling:
        return []
    human, best = ceiling["human"], ceiling["best"]
    rests = f"Frozen probe r {probe}; one person {human}; best possible {best:.2f}."
    if probe.high < human.low:
        sentence = "Improve the model, not the labels: one person is still clearly ahead of it."
    elif probe.low > human.high:
        sentence = "Ask more people for each test text before you improve the model further."
    else:
        sentence = "The frozen probe stands beside one person: no difference can be shown."
    return [Advice(sentence, rests, _DOMAINS)]


def _next(data: Labelled, found: Mapping) -> list[Advice]:
    """What the studies opened next; they had ratings only."""
    most = found["curve"]["most"]
    if not data.is_rated or not _reads(found) or most < studied.LEAST_LABELS:
        return []
    size, chosen = studied.opened_at(most)
    told = "; ".join(f"{name}: {what}, r {r:.2f}" for name, (what, r) in chosen.items())
    advice = [
        Advice(
            "Next, open layers of the encoder: where frozen features could be chosen as well, our "
            "study did not choose them. (On your texts this is not tested.)",
            f"Study labels_needed, chosen by validation texts with {size:,} labels: {told}.",
            _TUNING,
        )
    ]
    labels, below = studied.head_below_lora()
    if most >= labels:
        each = "; ".join(
            f"{k} {_signed(Difference(v['value'], v['low'], v['high'], v['p']))}"
            for k, v in below.items()
        )
        advice.append(
            Advice(
                "If you keep one model for several domains, put LoRA into it rather than a head "
                "on top. (On your texts this is not tested.)",
                f"Study parameters_against_quality, {labels} labels, a head alone minus LoRA on "
                f"sealed texts: {each}.",
                _FEW,
            )
        )
    return advice


def _texts(found: Mapping) -> list[Advice]:
    """What is wrong with the texts themselves."""
    given = []
    if (rest := found["shift"].get("rest")) is not None and rest > FAR:
        given.append(
            Advice(
                "Label some of your unlabelled texts: those with labels are not like them.",
                f"Distance between the two: {rest:.1f} of 2.",
                _DOMAINS,
            )
        )
    if (cut := found["read"]["cut"]) > NEAR:
        given.append(
            Advice(
                "Cut long texts into parts and label or average these: the encoder does not see "
                "their ends.",
                f"{cut:.0%} of the texts are longer than it reads.",
                "05_tokens",
            )
        )
    if (repeats := found["read"]["repeats"]) > NEAR:
        given.append(
            Advice(
                "Take repeats out before you split: here they were kept on one side.",
                f"{repeats:.0%} of the texts are word for word an earlier one.",
                _DOMAINS,
            )
        )
    return given


def _signed(found) -> str:
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]".replace("-", "−")
