"""A description of a namespace that is equal for equal contents: values, types, and which objects are shared."""

import hashlib
import re
import types
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_HIDDEN = re.compile(r"_i+|_i?\d+|_ih|_oh|_dh|In|Out|exit|quit|get_ipython|_exit_code|__\w+__|_+")
_ATOMS = (type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented))


def portrait(names: dict[str, Any]) -> dict[str, Any]:
    seen = _Seen(names)
    return {n: seen.of(v) for n, v in sorted(names.items()) if not _HIDDEN.fullmatch(n)}


def outs(names: dict[str, Any]) -> dict[int, Any]:
    seen = _Seen(names)
    return {n: seen.of(v) for n, v in sorted(names["_oh"].items())}


class _Seen:
    def __init__(self, names):
        self.names = names
        self.met = {}

    def of(self, v, depth=0):
        cls = type(v)
        if isinstance(v, _ATOMS) and cls in _ATOMS:
            return (cls.__name__, repr(v))
        if isinstance(v, types.ModuleType):
            return ("module", v.__name__)
        if cls.__name__ in {"Timestamp", "Timedelta", "Period", "NAType", "NaTType"}:
            return (cls.__name__, str(v))
        if cls.__module__.partition(".")[0] in {"threading", "concurrent"}:
            return cls.__name__
        if depth > 60:
            return "deep"
        if isinstance(v, tuple) and cls is tuple:
            return ("tuple", [self.of(x, depth + 1) for x in v])
        if cls.__name__.endswith("Index") and cls.__module__.startswith("pandas"):  # never changes
            return (cls.__name__, self.inside(v, cls, depth + 1))
        if id(v) in self.met:
            return ("again", self.met[id(v)][0])
        self.met[id(v)] = (len(self.met), v)
        return (self.kind(cls), self.met[id(v)][0], self.inside(v, cls, depth + 1))

    def kind(self, cls):
        named = self.names.get(cls.__name__) is cls
        return f"{cls.__module__}.{cls.__qualname__}{' of the notebook' if named else ''}"

    def inside(self, v, cls, depth):
        import numpy as np
        import pandas as pd

        of = lambda x: self.of(x, depth)
        if isinstance(v, types.FunctionType) and (
            v.__globals__ is not self.names and v.__module__ != "__main__"
        ):
            return [v.__module__, v.__qualname__]
        if isinstance(v, types.FunctionType):
            cells = []
            for c in v.__closure__ or ():
                try:
                    key = self.met.setdefault(id(c), (len(self.met), c))[0]
                    cells.append((key, of(c.cell_contents)))
                except ValueError:
                    cells.append("empty")
            here = v.__globals__ is self.names
            return [
                v.__qualname__,
                here,
                self.code(v.__code__),
                of(v.__defaults__),
                of(v.__kwdefaults__),
                cells,
                of(v.__dict__),
                v.__doc__,
            ]
        if isinstance(v, type):
            if v.__module__ != "__main__":
                return v.__qualname__
            skip = {
                "__dict__",
                "__weakref__",
                "__module__",
                "__firstlineno__",
                "__static_attributes__",
                "_abc_impl",
                "__abstractmethods__",
                "__slotnames__",
            }
            return [
                v.__qualname__,
                [self.kind(b) for b in v.__mro__],
                [(k, of(x)) for k, x in sorted(vars(v).items()) if k not in skip],
            ]
        if isinstance(v, list | tuple) or cls.__name__ == "deque":
            return [getattr(v, "maxlen", None), *map(of, v)]
        if isinstance(v, dict):
            return [(of(k), of(x)) for k, x in v.items()] + [of(getattr(v, "default_factory", None))]
        if isinstance(v, set | frozenset):
            return sorted(repr(_Seen(self.names).of(x)) for x in v)
        if isinstance(v, bytearray):
            return bytes(v)
        if isinstance(v, np.ndarray):
            body = (
                [of(x) for x in v.ravel().tolist()]
                if v.dtype.hasobject
                else hashlib.md5(np.ascontiguousarray(v).tobytes()).hexdigest()
            )
            mask = of(np.asarray(v.mask)) if hasattr(v, "mask") else None
            return [str(v.dtype), v.shape, v.flags.writeable, body, mask]
        if isinstance(v, pd.DataFrame):
            return [
                of(v.index),
                of(v.columns),
                [str(t) for t in v.dtypes],
                [[of(x) for x in v.iloc[:2000, i].tolist()] for i in range(v.shape[1])],
                len(v),
                of(v.attrs),
            ]
        if isinstance(v, pd.Series):
            return [of(v.index), of(v.name), str(v.dtype), [of(x) for x in v.tolist()], of(v.attrs)]
        if isinstance(v, pd.Index):
            return [
                list(map(str, v.names)),
                str(v.dtype),
                len(v),
                [of(x) for x in v.tolist()[:500]],
                str(getattr(v, "freq", None)),
            ]
        if cls.__module__.split(".")[0] in {"matplotlib", "polars", "pyarrow"}:
            return _ADDRESS.sub("", repr(v))
        if isinstance(v, np.generic) or cls.__module__ in {
            "datetime",
            "decimal",
            "fractions",
            "uuid",
            "re",
            "zoneinfo",
            "pathlib",
        }:
            return repr(v)
        if isinstance(v, types.GeneratorType | types.CoroutineType):
            return v.gi_code.co_name if hasattr(v, "gi_code") else ""
        if isinstance(v, BaseException):
            return [of(v.args), str(v)]
        if isinstance(v, staticmethod | classmethod):
            return of(v.__func__)
        if isinstance(v, types.MethodType):
            return [of(v.__self__), v.__func__.__name__]
        state = dict(getattr(v, "__dict__", {}))
        for name in [
            s
            for c in cls.__mro__
            for s in (
                (c.__dict__.get("__slots__", ()),)
                if isinstance(c.__dict__.get("__slots__", ()), str)
                else c.__dict__.get("__slots__", ())
            )
        ]:
            if hasattr(v, name) and name not in {"__dict__", "__weakref__"}:
                state[name] = getattr(v, name)
        if not state:
            try:
                reduced = v.__reduce_ex__(2)
                return [of(x) for x in reduced[1:3]] if isinstance(reduced, tuple) else reduced
            except Exception:
                return _ADDRESS.sub("", repr(v))
        return [(k, of(x)) for k, x in sorted(state.items())]

    def code(self, code):
        consts = [self.code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
        return [code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, consts]
