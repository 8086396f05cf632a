"""The pictures of a report, drawn into files without a display."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fastdens.commands.tables import Table

_DOTS_PER_INCH = 140
_STYLE = {"font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left", "savefig.facecolor": "white"}


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def draw_all(folder: Path, model: Any, model_name: str, table: Table, labels: Sequence[str], new: np.ndarray) -> None:
    """Write density.png and samples.png."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from fastdens.plot import MOST_PAIRS, plot_density, plot_samples

    n_features = table.data.shape[1]
    settings: dict[Any, Any] = {**mpl.rcParamsDefault, **_STYLE, "backend": "agg"}  # whatever the user's own are
    with mpl.rc_context(settings):
        size = (1.9 * n_features + 0.8, 1.9 * n_features) if 2 < n_features <= MOST_PAIRS else (6.4, 4.4)
        figure = Figure(figsize=size, layout="constrained")
        axes = plot_density(model, table.data, names=labels, sample_weight=table.weights, figure=figure)
        title = f"{model_name}: {'density' if n_features == 1 else 'share of the probability inside each line'}"
        if isinstance(axes, np.ndarray):
            title = f"{model_name}: 10, 30, 50, 70 and 90% of the probability inside the lines"
        if isinstance(axes, np.ndarray):
            figure.suptitle(title, x=0.01, ha="left", fontsize=11)
        else:
            axes.set_title(title)
        figure.savefig(folder / "density.png", dpi=_DOTS_PER_INCH)
        figure = Figure(figsize=(6.4, 4.8) if n_features == 1 else (8.4, 4.0), layout="constrained")
        plot_samples(new, table.data, figure, names=labels, sample_weight=table.weights)
        figure.savefig(folder / "samples.png", dpi=_DOTS_PER_INCH)
