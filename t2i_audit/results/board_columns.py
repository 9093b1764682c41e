"""The columns that every table of a leaderboard has, in order: the one place that names, types and
explains them.
"""

from __future__ import annotations

from t2i_audit.results.board_column import BoardColumn, interval, number, setting, text, whole
from t2i_audit.results.decoding import STATIONS

CAUSES = ("encoder", "denoiser", "chance", "not told from chance", "unclear")
SPLITS = ("seen", "held_out")
LIBRARIES = ("python", "torch", "diffusers", "transformers")


def _station(name: str) -> tuple[BoardColumn, ...]:
    at = f"at the {name.replace('_', ' ')}"
    share, n = "share", "prompts"
    return (
        *interval(
            f"{name}_decodability",
            "probability",
            f"Mean over prompts of the probability of the worst-read slot's true value, {at}.",
            n,
            "decodability",
            name,
        ),
        *interval(
            f"{name}_accuracy",
            share,
            f"Balanced accuracy of the probes {at}, mean over slots (and of each end).",
            n,
            *("controls", name, "accuracy"),
        ),
        *interval(
            f"{name}_random_weights_accuracy",
            share,
            "The same with random weights.",
            n,
            *("controls", name, "random_weights"),
        ),
        *interval(
            f"{name}_words_alone_accuracy",
            share,
            "The same from which words occur, without their order.",
            n,
            *("controls", name, "words_alone"),
        ),
        *interval(
            f"{name}_gain_over_random_weights",
            share,
            "The accuracy less that with random weights.",
            n,
            *("controls", name, "gain_over_random_weights"),
        ),
        *interval(
            f"{name}_association_auroc",
            "AUROC",
            f"Chance that a failed image's prompt is less decodable {at} than a right image's.",
            n,
            *("association", name),
        ),
        text(
            f"{name}_association",
            "What that shows, e.g. predicts.",
            *("association_verdict", name),
            optional=True,
        ),
    )


def _cause(name: str) -> tuple[BoardColumn, ...]:
    return interval(
        f"{name.replace(' ', '_')}_share",
        "share",
        f"Share of the wrong images whose cause is: {name}.",
        "images",
        *("attribution", name),
    )


VERSION = BoardColumn(
    "schema_version", "int64", "", "Version of these columns.", False, (), derived=True
)

COLUMNS: tuple[BoardColumn, ...] = (
    VERSION,
    whole("group", "", "Only rows of one group can be compared; from 1."),
    whole(
        "rank_best",
        "",
        "One more than the runs that are surely better.",
        *("rank", "best"),
        optional=True,
    ),
    whole(
        "rank_worst",
        "",
        "The runs of the group less those that are surely worse.",
        *("rank", "worst"),
        optional=True,
    ),
    whole(
        "rank_of",
        "runs",
        "Runs that are ranked; the same audit counts once.",
        *("rank", "of"),
        optional=True,
    ),
    text("run", "Its directory."),
    text("model", "As it was named on the command line."),
    text("suite", "The suite of prompts."),
    text("judge", "Whose verdicts all figures rest on."),
    whole("prompts_asked", "prompts", "Prompts that the run was to have."),
    whole("prompts", "prompts", "Prompts that it has.", "n_prompts"),
    whole("seeds", "images", "Images of each prompt.", "n_seeds"),
    whole("images", "images", "Images that were made.", "n_images"),
    *interval("success", "share", "Judged images that are right.", "images", optional=False),
    *(
        column
        for split in SPLITS
        for column in interval(
            f"success_{split}",
            "share",
            f"The same of prompts of the split {split}.",
            "images",
            *("success_by_split", split),
        )
    ),
    *interval(
        "held_out_gap",
        "share",
        "Success of seen prompts less that of held-out ones.",
        "images",
        optional=False,
    ),
    *interval(
        "corrected_success",
        "share",
        "Success corrected for the judge's errors; empty before t2i-audit calibrate.",
        "labels",
        "corrected",
        optional=False,
    ),
    *(
        column
        for split in SPLITS
        for column in interval(
            f"corrected_success_{split}",
            "share",
            f"The same of prompts of the split {split}.",
            "labels",
            *("corrected_by_split", split),
        )
    ),
    number(
        "success_by_guessing",
        "share",
        "Success that guessing would reach; empty for a judge that does not choose.",
        *("judge_facts", "guessing", "overall"),
    ),
    *(
        column
        for name, meaning in (
            ("shuffled", "What the judge calls right with the image of another prompt."),
            ("blank", "The same with an image of one grey."),
            ("text_only", "The same with the mean of the images."),
        )
        for column in interval(
            f"{name}_success",
            "share",
            meaning,
            "images",
            *("judge_facts", "blind", name, "overall"),
        )
    ),
    whole(
        "blind_sample",
        "images",
        "Images in the sample of those three.",
        *("judge_facts", "blind", "sampled"),
        optional=True,
    ),
    text(
        "judge_weak_at",
        "What the suite asks for and the judge is known not to tell apart.",
        *("judge_facts", "weak_kinds"),
        many=True,
        optional=True,
    ),
    text(
        "judge_shares_weights_with",
        "Text encoders of the model that the judge has too.",
        *("judge_facts", "shares_weights_with"),
        many=True,
        optional=True,
    ),
    *(column for station in STATIONS for column in _station(station)),
    *interval(
        "repeatability",
        "correlation",
        "Of two images of one prompt being right.",
        "prompts",
        optional=False,
    ),
    text("culprit", "What most wrong images are surely attributed to.", optional=True),
    *(column for cause in CAUSES for column in _cause(cause)),
    number(
        "seconds_per_image",
        "s",
        "Time to sample one, without judging.",
        *("cost", "seconds_per_image"),
    ),
    whole("timed_images", "images", "Images that were timed.", *("cost", "images"), optional=True),
    text(
        "cost_device",
        "Name of the device that they were timed on.",
        *("cost", "device"),
        optional=True,
    ),
    whole(
        "peak_memory_bytes",
        "bytes",
        "The most that sampling took on the device.",
        *("cost", "peak_memory_bytes"),
        optional=True,
    ),
    BoardColumn(
        "parameters",
        "int64",
        "",
        "Of all components of the checkpoint.",
        True,
        ("parameters",),
        derived=True,
    ),
    setting("steps", "Steps of the sampler.", "int64"),
    setting("guidance_scale", "Strength of guidance.", "float64"),
    setting("scheduler", "Class of the sampler."),
    setting("height", "Of an image.", "int64", "pixels"),
    setting("width", "Of an image.", "int64", "pixels"),
    setting("dtype", "Number format."),
    setting("quantization", "How quantised weights are kept; empty for a checkpoint without any."),
    setting("device", "Kind of device that the images were made on."),
    setting("lora", "LoRAs with weight and start of the hash."),
    setting("embedding", "Embeddings with start of the hash."),
    setting("base_seed", "Seed of the run.", "int64"),
    setting("negative_prompt", "Negative prompt."),
    setting("commit", "Revision of the checkpoint on its hub."),
    text("date", "When the run was begun, ISO 8601 in UTC.", "created", optional=True),
    setting("t2i_audit", "Version that made the run."),
    setting("probe_version", "Of the probes; two versions decode differently.", "int64"),
    *(
        text(name, f"Version of {name.capitalize()}.", "versions", name, optional=True)
        for name in LIBRARIES
    ),
    text("suite_sha256", "Of the suite's contents.", optional=True),
    text("judge_sha256", "Of the judge's fingerprint: its name, version, files and questions."),
    text("weights_sha256", "Of the checkpoint's weights.", optional=True),
    text(
        "checkpoint_sha256", "Equal for runs of one checkpoint, whatever was sampled.", "checkpoint"
    ),
    text("identity_sha256", "Equal for runs that are the same audit.", "identity"),
    text(
        "ranking",
        "What the ranks of the group rest on, and how they are corrected for the number of pairs.",
        optional=True,
    ),
    text(
        "allowed", "What the user chose to ignore when runs were grouped.", many=True, optional=True
    ),
    BoardColumn(
        "found",
        "bool",
        "",
        "FALSE where the run was gone when the table was written: the row stands as it was.",
        False,
        ("found",),
    ),
)
