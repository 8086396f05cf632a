"""Makes old_faithful.png, the picture in the README: python docs/images/old_faithful.py"""

from pathlib import Path

from matplotlib.figure import Figure

import fastdens as fd

geyser = fd.datasets.load_old_faithful()
labels = ["eruption (minutes)", "waiting time to the next (minutes)"]
model = fd.KernelDensity(bandwidth="likelihood").fit(geyser.data)
new = model.sample(1000, random_state=1)

figure = Figure(figsize=(9.2, 4.1), layout="constrained")
left, right = figure.subplots(1, 2, sharex=True, sharey=True)
fd.plot.plot_density(model, geyser.data, left, names=labels)
left.set_title("272 eruptions of Old Faithful, and their estimated density", fontsize=10, loc="left")
right.scatter(*new.T, s=8, color="#D55E00", alpha=0.5, linewidths=0)
right.set_title("1 000 new points drawn from it", fontsize=10, loc="left")
right.set_xlabel(labels[0])
right.spines[["top", "right"]].set_visible(False)
figure.savefig(Path(__file__).with_suffix(".png"), dpi=130)
