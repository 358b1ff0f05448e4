"""A few plain sentences, each of which follows from a number of the checklist and says which."""

from collections.abc import Mapping

from lessons_lib.transfer.advise import power_law, scoring, studied
from lessons_lib.transfer.advise.further import next_steps, people, texts
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Advice, Step, signed

_DOMAINS, _TUNING = "11_domains_and_transfer", "12_fine_tuning"


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
        *people(found, measure),
        *next_steps(data, found, _reads(found)),
        *texts(found),
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
    rests = f"Frozen probe minus counted words: {signed(gap)}; probe {probe}, words {words}."
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
    vader = found["lexicon"]["vader"]
    ahead = scoring.difference(data, found["probes"]["said"], found["lexicon"]["said"])
    rests = f"Frozen probe minus VADER: {signed(ahead)}; VADER {measure} {vader}."
    if ahead.low > 0:
        sentence = "Train on your labels rather than take the lexicon alone."
    elif ahead.high < 0:
        sentence = "Take the lexicon, not the frozen probe: it reads your texts better, unpaid."
    else:
        sentence = (
            "Do not pay for labels to beat the lexicon with a frozen probe: with those you have, "
            "no difference can be shown."
        )
    return [Advice(sentence, rests, _DOMAINS), _blend(found)]


def _blend(found: Mapping) -> Advice:
    """Whether the two together are better than either."""
    gain, over = found["lexicon"]["gain"], found["lexicon"]["over"]
    rests = f"Blended minus probe: {signed(gain)}; minus VADER: {signed(over)}."
    if gain.low > 0 and over.low > 0:
        sentence = (
            "Add VADER to the probe, by a weight chosen on your own labels: together they are "
            "better than either. (In our study a weight chosen on other domains was not enough "
            "on tweets.)"
        )
        return Advice(sentence, f"{rests} {_blend_on_tweets()}", _TUNING)
    if gain.low > 0:
        sentence = "Take VADER alone: that the probe adds to it cannot be shown."
    else:
        sentence = "Leave VADER out of the probe: no gain from adding it can be shown."
    return Advice(sentence, rests, _TUNING)


def _blend_on_tweets() -> str:
    one = studied.blend_on_tweets()
    return (
        "Study source_target_matrix, three other domains blended with VADER, minus VADER, on "
        f"sealed tweets: {one['value']:+.2f} [{one['low']:+.2f}, {one['high']:+.2f}]."
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
    step = f"From {curve['before']:,} to {most:,} labels: {signed(last)}."
    return [Advice(sentence, rests, _TUNING), Advice(more, step, _TUNING)]
