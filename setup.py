"""The compiled modules; everything else about the project is in pyproject.toml.

Environment switches, all off by default, for the checks in `.ci/run`:
FASTDENS_BOUNDSCHECK=1   index checks in every Cython loop (slow)
FASTDENS_SANITIZE=1      address and undefined-behaviour sanitizers
"""

import os
import re
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))  # build front ends leave it out
from build_tools.stubs import write_stubs

PACKAGE = Path("fastdens")
SOURCES = sorted(PACKAGE.rglob("_*.pyx"))
HEADERS = sorted(path for pattern in ("*.h", "*.inc") for path in PACKAGE.rglob(pattern))
# Sums of differences are re-evaluated, and distances compared, bit by bit: no contraction there.
EXACT = {"_subsets", "_half_planes", "_neighbors", "_kd_tree", "_packed_tree"}


def switched_on(name):
    return os.environ.get(name, "0") not in ("", "0")


BOUNDSCHECK = switched_on("FASTDENS_BOUNDSCHECK")
SANITIZE = switched_on("FASTDENS_SANITIZE")


class BuildWithFlags(build_ext):
    """Adds the compiler's flags; never -ffast-math or -march=native, which leak into or break user processes."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        if msvc:
            compile_flags, link_flags = ["/O2", "/std:c11"], []
        else:
            compile_flags = ["-O3", "-std=c11", "-g0", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math"]
            compile_flags += ["-Wno-missing-braces"]  # {0} is an empty table for any type of table
            # Python's own flags have it almost everywhere; without it GCC 12 miscounts loops over 16-bit integers.
            compile_flags += ["-fwrapv"]
            link_flags = []
            if SANITIZE:
                compile_flags += ["-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
                link_flags += ["-fsanitize=address,undefined"]
        for extension in self.extensions:
            exact = extension.name.rpartition(".")[2] in EXACT and not msvc
            extension.extra_compile_args = [*compile_flags, *(["-ffp-contract=off"] if exact else [])]
            extension.extra_link_args = link_flags
        super().build_extensions()


def depends_on(*files):
    """The headers that files of C or Cython include, and those include: what is to be compiled again after a change."""
    place, found, left = {path.name: path for path in HEADERS}, set(), [path for path in files if path.exists()]
    while left:
        text = left.pop().read_text(encoding="utf-8")
        named = {place[name] for name in re.findall(r'"(\w+\.(?:h|inc))"', text) if name in place}
        modules = re.findall(r"^from (fastdens[\w.]+) cimport", text, flags=re.MULTILINE)
        named |= {path for path in (Path(*name.split(".")).with_suffix(".pxd") for name in modules) if path.exists()}
        left += named - found
        found |= named
    return sorted(path.as_posix() for path in found)


def extension(source):
    """The module _NAME.pyx, with its tiles NAME.c beside it or in simd/, where it has some."""
    name = f"{source.stem.removeprefix('_')}.c"
    tiles = [path for path in (source.with_name(name), source.parent / "simd" / name) if path.exists()]
    return Extension(
        ".".join(source.with_suffix("").parts),
        [path.as_posix() for path in (source, *tiles)],
        depends=depends_on(source, source.with_suffix(".pxd"), *tiles),
        include_dirs=sorted({path.parent.as_posix() for path in HEADERS}),
    )


write_stubs(PACKAGE)
setup(
    cmdclass={"build_ext": BuildWithFlags},
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
    ext_modules=cythonize(
        # The last one holds Cython's own helpers once for all modules; its source is generated.
        [extension(source) for source in SOURCES] + [extension(PACKAGE / "core" / "_cyutility.c")],
        nthreads=os.cpu_count() or 1,
        build_dir="build/cython",
        shared_utility_qualified_name="fastdens.core._cyutility",
        compiler_directives={
            "language_level": 3,
            "boundscheck": BOUNDSCHECK,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": BOUNDSCHECK,
            "freethreading_compatible": True,
            "autotestdict": False,
        },
    ),
)
