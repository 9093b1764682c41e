"""The images on which the judges of a run differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

IMAGE = ("prompt_id", "seed", "image")


def disagreements(judgements: pd.DataFrame) -> pd.DataFrame:
    """One row for each image on which two judges differ; see `Run.disagreements`.

    Args:
        judgements: the table ``judgements``, with a row for each image and judge.
    """
    judges = list(dict.fromkeys(judgements["judge"]))
    columns = list(IMAGE)
    found = judgements.loc[judgements["judge"] == judges[0], columns] if judges else judgements
    found = found[columns].reset_index(drop=True)
    for judge in judges:
        own = judgements.loc[judgements["judge"] == judge, ["image", "correct"]]
        verdicts = own.set_index("image")["correct"].astype(object)
        found[judge] = [verdicts[image] for image in found["image"]]
    differs = [len(set(row) - {None}) > 1 for row in found[judges].itertuples(index=False)]
    return found[differs].reset_index(drop=True)
