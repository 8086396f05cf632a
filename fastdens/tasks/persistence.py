"""Fitted models in files: one file each, without pickle, that can be mapped into memory.

Layout, all numbers little-endian::

    8 bytes   b"fastdens"
    4 bytes   version of the format
    4 bytes   CRC-32 of the header
    8 bytes   length of the header
    header    JSON: the state of the model, for every array its type, shape, order, offset, length and CRC-32, and the
              length of all arrays
    arrays    raw, each at a multiple of 64 bytes

A model is the name of its class and its attributes. The class is one of those that have entered themselves (see
`core.savable`): the package's own, and subclasses of `Density` in modules that the program has imported already.
Reading a file imports no other module and runs no code that the file chooses.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import struct
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import fastdens
from fastdens.core.savable import Entry, entry_named, entry_of, saved_name
from fastdens.core.threads import pieces
from fastdens.core.tuning import Tunable

MAGIC = b"fastdens"
VERSION = 1
PREAMBLE = struct.Struct("<8sIIQ")
ALIGNMENT = 64
BYTES_AT_ONCE = Tunable(1 << 24)

# Where classes live that have no public name and that a file may begin with, or meet in a model of another module.
UNNAMED_HOMES = {"ScaledDensity": "fastdens.tasks.scaling", "Divergence": "fastdens.divergences.result"}
REQUESTS = "_metadata_request"  # the attribute that scikit-learn's meta-estimators look for
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


class FileError(ValueError):
    """A file that no model can be made of."""


class _UnknownClassError(LookupError):
    """A name of a class that has not entered itself."""


def save(model: Any, path: Any) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : a model of fastdens, an instance of a subclass of its `Density`, or KDTree
        Fitted or not.
    path : str or path-like
        File to write. It is replaced whole: whoever reads it sees the old file or the new one.

    Raises
    ------
    TypeError
        If `model` is none of these, or holds a value that a file cannot (a function, say).

    Notes
    -----
    The file holds parameters and fitted attributes bit for bit, with NaN and infinities. It is no pickle: loading one
    from somebody else runs no code of theirs. A class of your own is read where its module has been imported before.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastdens as fd
    >>> model = fd.Gaussian().fit([[0.0], [2.0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.fastdens")
    ...     fd.save(model, path)
    ...     print(fd.load(path).mean_)
    [1.]
    """
    if entry_of(model) is None:
        raise TypeError(
            f"model must be of fastdens, or of a subclass of its Density, got an object of class {type(model).__name__}"
        )
    writer = _Writer()
    state = writer.encode(model, type(model).__name__)
    header = json.dumps({"state": state, "arrays": writer.table, "length": writer.end}).encode()
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            file.write(PREAMBLE.pack(MAGIC, VERSION, zlib.crc32(header), len(header)))
            file.write(header)
            start = _aligned(PREAMBLE.size + len(header))
            for entry, array in zip(writer.table, writer.arrays):
                file.seek(start + entry["offset"])
                for piece in _pieces(array):
                    file.write(piece.data)
                    _write_through(file)
            file.truncate(start + writer.end)
            _write_through(file)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load(path: Any, mmap: bool = False) -> Any:
    """Read a model from a file written by `save`.

    Parameters
    ----------
    path : str or path-like
        The file.
    mmap : bool, default=False
        Whether to map the arrays into memory, read-only, in place of reading them: fast for large models, and shared
        by all processes that do so. Their checksums are then not verified, which would read them.

    Returns
    -------
    The model, as it was when saved.

    Raises
    ------
    ValueError
        If the file is not one of fastdens, is damaged or cut short, was written in a newer format, or holds a class
        that is not of the package and has not been imported.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastdens as fd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.fastdens")
    ...     fd.save(fd.Histogram(bins=2).fit([[0.0], [2.0], [4.0]]), path)
    ...     print(fd.load(path).ppf(0.5))
    2.5
    """
    with open(path, "rb") as file:
        try:
            header, start = _read_header(file, path)
            size = os.fstat(file.fileno()).st_size
            if start + header["length"] > size:
                raise FileError(f"{path} is cut short: it should have {start + header['length']} bytes, got {size}")
            arrays = [_read_array(entry, start, size, file, path, mmap) for entry in header["arrays"]]
            return _decode(header["state"], arrays)
        except FileError:
            raise
        except _UnknownClassError as error:
            raise FileError(
                f"{path} holds an object of the class {error.args[0]!r}, which is not known: a class that is not of "
                "fastdens must be a subclass of its Density, whose module is imported before the file is read"
            ) from None
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            # The checksum was right, so somebody wrote this header on purpose.
            raise FileError(f"{path} does not describe a model of this version of fastdens ({error!r})") from None


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """The bytes of an array as it lies in memory, a few at a time: Ctrl-C is answered in between."""
    flat = array.reshape(-1, order="A").view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
    return (flat[part] for part in pieces(len(flat), BYTES_AT_ONCE.value))


def _checksum(array: np.ndarray) -> int:
    checksum = 0
    for piece in _pieces(array):
        checksum = zlib.crc32(piece.data, checksum)
    return checksum


def _write_through(file: BinaryIO) -> None:
    """See that what was written is on the disk: all at once in the end would take long, and be deaf to Ctrl-C."""
    file.flush()
    os.fsync(file.fileno())


# --- writing ----------------------------------------------------------------------------------------------------------


class _Writer:
    """Turns values into JSON, and collects the arrays among them. JSON objects have one key: what the value is."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.table: list[dict[str, Any]] = []
        self.end = 0
        self.open: list[int] = []  # objects that are being written, to notice a cycle

    def encode(self, value: Any, name: str) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is np.ndarray:
            return self._encode_array(value, name)
        if isinstance(value, np.generic) and value.dtype.kind in "biufc":
            return {"scalar": [value.dtype.str, value.tobytes().hex()]}
        if id(value) in self.open:
            raise TypeError(f"{name} refers to itself, which a file cannot hold")
        self.open.append(id(value))
        try:
            return self._encode_compound(value, name)
        finally:
            self.open.pop()

    def _encode_compound(self, value: Any, name: str) -> Any:
        if type(value) in (list, tuple):
            return {type(value).__name__: [self.encode(item, f"{name}[{i}]") for i, item in enumerate(value)]}
        if type(value) is dict:
            return {"dict": [[self.encode(k, name), self.encode(v, f"{name}[{k!r}]")] for k, v in value.items()]}
        entry = entry_of(value)
        if entry is not None:
            state = _state_of(value, entry)
            encoded = {k: self.encode(v, f"{name}.{k}") for k, v in state.items()}
            return {"object": [saved_name(entry.cls), encoded]}
        if isinstance(value, np.random.RandomState):
            return {"RandomState": self.encode(value.get_state(legacy=False), name)}
        if isinstance(value, np.random.Generator) and type(value.bit_generator).__name__ in BIT_GENERATORS:
            return {"Generator": self.encode(value.bit_generator.state, name)}
        raise TypeError(f"{name} cannot be saved: a file holds arrays, numbers, strings and models, got {value!r}")

    def _encode_array(self, array: np.ndarray, name: str) -> Any:
        if array.dtype.kind == "O":
            items = [self.encode(item, f"{name}[{i}]") for i, item in enumerate(array.ravel().tolist())]
            return {"objects": [list(array.shape), items]}
        if array.dtype.kind not in "biufcSU":
            raise TypeError(f"{name} cannot be saved: an array of dtype {array.dtype}")
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        stored = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order=order)  # type: ignore[call-overload]
        self.arrays.append(stored)
        self.table.append(
            {
                "dtype": stored.dtype.str,
                "shape": list(stored.shape),
                "order": order,
                "offset": self.end,
                "length": stored.nbytes,
                "crc32": _checksum(stored),
            }
        )
        self.end += stored.nbytes
        place = {"array": len(self.arrays) - 1}
        self.end = _aligned(self.end)
        return place


def _state_of(value: Any, entry: Entry) -> dict[str, Any]:
    """What makes the object again: its attributes, as its own `__getstate__` gives them where it has one."""
    if entry.maker is not None:
        return {"arguments": value.__reduce__()[1]}
    state = dict(value.__getstate__() or {})  # None of an object without attributes
    requests = state.pop(REQUESTS, None)  # scikit-learn's metadata routing
    if requests is not None:
        state[REQUESTS] = {method: dict(getattr(requests, method).requests) for method in ("fit", "score")}
    return state


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_header(file: BinaryIO, path: Any) -> tuple[dict[str, Any], int]:
    preamble = file.read(PREAMBLE.size)
    if preamble[: len(MAGIC)] != MAGIC:
        raise FileError(f"{path} is not a file of fastdens: it begins with {preamble[: len(MAGIC)]!r}")
    if len(preamble) < PREAMBLE.size:
        raise FileError(f"{path} is cut short: {len(preamble)} bytes")
    _, version, checksum, length = PREAMBLE.unpack(preamble)
    if version > VERSION:
        raise FileError(f"{path} has format {version}, this fastdens reads up to {VERSION}: upgrade it")
    if length > os.fstat(file.fileno()).st_size:
        raise FileError(f"{path} is cut short, or damaged: its header should have {length} bytes")
    header = file.read(length)
    if version < 1 or zlib.crc32(header) != checksum:
        raise FileError(f"{path} is damaged: the checksum of its header is wrong")
    return json.loads(header), _aligned(PREAMBLE.size + length)


def _read_array(entry: dict[str, Any], start: int, size: int, file: BinaryIO, path: Any, mmap: bool) -> np.ndarray:
    dtype, shape, offset = np.dtype(entry["dtype"]), tuple(entry["shape"]), start + entry["offset"]
    if dtype.kind not in "biufcSU" or dtype.itemsize * math.prod(shape) != entry["length"] or offset < start:
        raise FileError(f"{path} is damaged: an array of type {dtype} and shape {shape} in {entry['length']} bytes")
    if offset + entry["length"] > size:
        raise FileError(f"{path} is cut short: an array should end at byte {offset + entry['length']} of {size}")
    if mmap and entry["length"] > 0:
        return np.asarray(np.memmap(file, dtype, "r", offset, shape, entry["order"]))
    array = np.empty(shape, dtype, entry["order"])
    if entry["length"] > 0:
        file.seek(offset)
        for piece in _pieces(array):
            file.readinto(piece)  # type: ignore[attr-defined]
        if _checksum(array) != entry["crc32"]:
            raise FileError(f"{path} is damaged: the checksum of an array of shape {shape} is wrong")
    if mmap:
        array.flags.writeable = False
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _decode(value: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "array":
        return arrays[content]
    if kind == "scalar":
        dtype = np.dtype(content[0])
        return np.frombuffer(bytes.fromhex(content[1]), dtype)[0].astype(dtype.newbyteorder("="))
    if kind == "list":
        return [_decode(item, arrays) for item in content]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in content)
    if kind == "dict":
        return {_decode(k, arrays): _decode(v, arrays) for k, v in content}
    if kind == "objects":
        array = np.empty(math.prod(content[0]), dtype=object)
        array[:] = [_decode(item, arrays) for item in content[1]]
        return array.reshape(content[0])
    if kind == "object":
        entry = _entry(content[0])  # first: its module brings the classes of what the object holds
        return _rebuild(entry, {k: _decode(v, arrays) for k, v in content[1].items()})
    if kind == "RandomState":
        random_state = np.random.RandomState()
        random_state.set_state(_decode(content, arrays))
        return random_state
    if kind == "Generator":
        state = _decode(content, arrays)
        if state["bit_generator"] not in BIT_GENERATORS:
            raise KeyError(state["bit_generator"])
        bit_generator = getattr(np.random, state["bit_generator"])()
        bit_generator.state = state
        return np.random.Generator(bit_generator)
    raise KeyError(kind)


def _entry(name: str) -> Entry:
    """The class of this name: one of the package, which is imported where need be, or one that is there already."""
    if entry_named(name) is None:
        home = UNNAMED_HOMES.get(name) or fastdens._HOME_OF.get(name)
        if home is not None:
            import_module(home)
    entry = entry_named(name)
    if entry is None:
        raise _UnknownClassError(name)
    return entry


def _rebuild(entry: Entry, state: dict[str, Any]) -> Any:
    cls, maker = entry
    if maker is not None:
        return maker(*state["arguments"])
    value = cls.__new__(cls)
    requests = state.pop(REQUESTS, {})
    if hasattr(cls, "__setstate__"):
        value.__setstate__(state)
    else:
        vars(value).update(state)
    for method, request in requests.items():
        for alias in request.values():
            value._set_request(method, alias)
    return value
