"""What the page of results says of each study: its question, what was believed, what is so.

A new study gets a line in `STORIES` and one in `SO`; `HEATS` where a table of r tells more than a
list of contrasts.
"""

from lessons_lib.data.reviews import DOMAINS

SIZES = ("16", "64", "256", "1000", "2000", "all")
STORIES = {  # in the order of the page: what a study asks, and the chapter that tells its story
    "length_extrapolation": ("Train short, read long: who bears it?", "04_positional_encoding"),
    "date_translation": ("Which positions translate dates?", "07_training_and_generation"),
    "raw_text_and_quality": ("Does more raw text make better features?", "08_pretraining"),
    "scaling": ("Which size is best for a budget?", "08_pretraining"),
    "source_target_matrix_first": ("From which domain to which?", "12_fine_tuning"),
    "labels_needed_starved": (
        "How many labels? The version with starved controls",
        "12_fine_tuning",
    ),
    "starved_control": ("How is a control starved?", "12_fine_tuning"),
    "labels_needed": ("How many labels does pre-training save?", "12_fine_tuning"),
    "source_target_matrix": ("From which domain to which, with everything open?", "12_fine_tuning"),
    "parameters_against_quality": (
        "How much do few trained parameters keep?",
        "13_parameter_efficient",
    ),
    "forgetting_frontier": (
        "What does a second domain cost the first?",
        "15_forgetting",
    ),
    "distillation": (
        "What does a small student keep of its teacher?",
        "17_distillation",
    ),
    "domain_adaptation": (
        "What are texts without ratings worth?",
        "14_domain_adaptation",
    ),
    "few_labels": (
        "What to do with 8 to 64 labels?",
        "16_low_resource",
    ),
    "modalities": (
        "Does a body that has learnt text read digits?",
        "19_across_modalities",
    ),
    "images": (
        "From which digits to which?",
        "19_across_modalities",
    ),
    "intents": (
        "One language learnt, sixty-four read: how well?",
        "18_across_languages",
    ),
    "languages": (
        "What are eight languages worth to a ninth?",
        "18_across_languages",
    ),
}
SO = {  # what was believed, and what is so
    "length_extrapolation": "Believed: T5's distances bear longer texts. So it is not: only Shaw's "
    "clipped distances and ALiBi's penalties do. T5 and rotary fall as far as learned positions, "
    "rotary further than forecast.",
    "date_translation": "Believed, and so it is: without positions dates fail, and sinusoids, "
    "rotary and a norm behind the sum differ by hundredths.",
    "raw_text_and_quality": "Believed: pre-training on our own raw text beats random weights. So "
    "it is: hardly, and not where the random weights have the same means and spreads.",
    "scaling": "Believed, and so it is: the best size grows a little faster than the root of the "
    "compute. But the sizes that the parabola is drawn through move its exponent from .57 to .67, "
    "more than all seeds do; and sixteen times the compute is a short way.",
    "source_target_matrix_first": "Believed, and so it is: own labels beat a lexicon everywhere, "
    "three other domains everywhere but on tweets. The random controls had their word vectors "
    "shut, so their two lines say little.",
    "labels_needed_starved": "Believed at the time: random weights never get there. The study had "
    "starved them; it stands here as it was.",
    "starved_control": "Believed: more steps help a little, open word vectors a little. So it is: "
    "with the word vectors shut no number of steps helps; open, the same weights reach r = .57.",
    "labels_needed": "Believed, and so it is: random weights do get there; no difference from "
    "counted words is shown. For what the published encoder has they need some ten times its "
    "labels, and what it has with 1,000 they do not reach with all there are.",
    "source_target_matrix": "Believed: with a lexicon added, three other domains beat the lexicon "
    "on tweets as well. So it is not: the sources ask for a quarter of it, and tweets need more. "
    "Everywhere else they are above it.",
    "parameters_against_quality": "Believed, and so it is: LoRA, adapters and biases lose a "
    "hundredth or three against training everything, too little to be shown after correction; "
    "a head alone loses a tenth. Rank 64 brings nothing over rank 8.",
    "forgetting_frontier": "Believed: a second domain costs the first some hundredths of r, and "
    "old texts, a pull, a vote or a line give a part of it back. So it is not: chosen by new "
    "texts alone, plain training loses .17 of films; chosen by old ones as well, no loss is shown, "
    "and nothing is shown to add to that. Old texts between the new ones are near the best in "
    "every column, and their ratings need not be people's.",
    "distillation": "Believed: a third of the layers keeps nine tenths of the teacher's r, and "
    "soft targets bring little where twenty people have rated each text. So it is: .84 to .95; "
    "soft targets bring a hundredth beside the labels, with hidden states two. What a student "
    "starts from counts most; on six megabytes it fell further than forecast.",
    "domain_adaptation": "Believed: methods that pull the domains together move r by a hundredth "
    "or two, up or down; a lexicon and an average of seeds bring more than all of them. The second "
    "is so, three times in four; the first is not: MMD, at the strength that a rule gave it, "
    "hardly learnt to rate. And reading on in a few raw tweets helped on tweets, which nobody had "
    "expected. A part of what the lexicon won on tweets was a rate, chosen on one seed.",
    "few_labels": "Believed: with a handful of labels what is known beforehand brings more than "
    "any way of learning, and more texts more than more raters. So it is, and more so than "
    "forecast: a small language model that is asked, without a label, orders films better than "
    "ridge on 1,024, and on tweets a lexicon stays ahead of all that learn from labels alone.",
    "modalities": "Believed: what looks like knowledge carried from text to digits is mostly the "
    "size of the weights; random weights of the same spread do as well. So it is: with a rate of "
    "its own each, the random body reads digits as well or better, and in three times the steps as "
    "well. A published start gains nothing either where all is open.",
    "images": "Believed: methods that pull the domains together bring some hundredths, and "
    "twenty labels of the target bring more. Of the pulls none does: at their usual strengths "
    "they lose everywhere, at the weakest no difference is shown. Twenty labels are shown to "
    "add in one pair of six. A start from another origin is worth a tenth with twenty labels, "
    "and with three hundred nothing that is shown.",
    "intents": "Believed: a head that has seen English alone recognises four in ten requests in "
    "other languages by a multilingual encoder, and few without one. So it is. More languages, "
    "with as many sentences in all, bring more than was thought, though a part of that was a "
    "strength of the head that English chose badly for others; and with eight sentences of each "
    "intent in the target, counted characters do as well as the encoder.",
    "languages": "Believed: with fifty dates a reader of eight languages reads two thirds of a "
    "ninth's, one from scratch next to none; and a close relative may lose by them. So it is, "
    "nearly: .60 and nothing, and two of five close ones lose .05. Months are read where their "
    "names are like known ones. Opening the characters' vectors alone, and subwords, did better "
    "than was thought; German alone did worse, and only a small part of that was its fewer "
    "steps.",
}
WORDS = (  # how a forecast is written, and how one says it
    ("_", " "),
    (r"movies", "films"),
    (r" - ", " against "),
    (r"^text 8000", "8,000 raw texts"),
    (r"text (\d)(\d{3})", r"\1,\2 raw texts"),
    (r"text 500", "500 raw texts"),
    (r"^none$", "no positions"),
    (r"^alibi$", "ALiBi"),
    (r"copy the digits", "copying digits"),
    (r"^post norm", "norm behind the sum"),
    (r"^default random", "random weights"),
    (r"against default random", "against random weights"),
    (r"^pre-trained", "published encoder"),
)
FEW = ("8", "16", "32", "64")
HEATS = {  # corner, columns, rows: a label to (variant, target) for each column
    "labels_needed": (
        "labels",
        SIZES,
        {
            f"{title}, {label}": [((domain, n, kind), domain) for n in SIZES]
            for domain, title in (("movies", "films"), ("tweets", "tweets"))
            for kind, label in (
                ("pretrained", "published encoder"),
                ("words", "counted words"),
                ("default", "random weights"),
            )
        },
    ),
    "source_target_matrix": (
        "learnt on",
        DOMAINS,
        {
            f"{source}, {way}": [((source, way, "pretrained"), target) for target in DOMAINS]
            for way in ("frozen", "everything")
            for source in (*DOMAINS, *(f"all but {domain}" for domain in DOMAINS))
        },
    ),
    "few_labels": (
        "labels",
        FEW,
        {
            f"{title}, {label}": [((domain, way, n), domain) for n in FEW]
            for domain, title in (("movies", "films"), ("tweets", "tweets"))
            for way, label in (
                ("probe", "ridge"),
                ("neighbours", "neighbours"),
                ("prototypes", "prototypes"),
                ("everything", "all layers"),
                ("contrastive", "pairs first"),
                ("lexicon", "and a lexicon"),
                ("elsewhere", "and other domains"),
                ("all_priors", "and all three"),
            )
        },
    ),
}
