"""What `import fastdens` costs, in a fresh interpreter; beside NumPy, which it needs."""

from __future__ import annotations


class Import:
    timeout = 60

    def timeraw_fastdens(self):
        return "import fastdens"

    def timeraw_fastdens_all_names(self):
        return "import fastdens\nfor name in fastdens.__all__:\n    getattr(fastdens, name)"

    def timeraw_numpy(self):
        return "import numpy"

    def timeraw_scipy_stats(self):
        return "import scipy.stats"
