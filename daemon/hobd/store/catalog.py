"""The models that lie in the models directory, and the names they answer to.

Must never read a model file: names, sizes and sidecars are all it knows. One damaged model must not
hide the others. Called by the broker, which says when to look again.

A model is `NAME.gguf` in the directory or one level below. Links are followed: models are big, and live
where there is room; digest.py checks the file that is opened in the end. What a model file does not say
of itself may stand beside it in `NAME.toml` (see sidecar.py); a chat template in `NAME.jinja` replaces
its own. Its adapters lie in a folder beside it, `NAME.adapters`, each a `.gguf` with a name and maybe a
sidecar of its own; that folder says what they are. What it sees and hears with is `NAME.mmproj.gguf` or
`mmproj-NAME.gguf` beside it, or the file that its sidecar names; such a file is no model.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hobd.errors import InvalidRequest, ModelNotFound, ModelUnusable
from hobd.store.sidecar import Sidecar, SidecarError, read_sidecar

_ADAPTERS = ".adapters"
_PROJECTOR, _PROJECTOR_AS_PUBLISHED = ".mmproj", "mmproj-"
_MAX_ADAPTERS = 64  # a model; each takes a descriptor, memory and a moment of every load
_KNOWN = (".gguf", ".toml", ".jinja")
_PART_OF_MANY = re.compile(r"-\d{5}-of-(?!00001)\d{5}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model as the directory shows it. `problem` says why it cannot be used, if it cannot."""

    name: str
    path: Path
    aliases: tuple[str, ...] = ()
    sha256: str | None = None
    license: str | None = None
    draft: str | None = None
    size_bytes: int
    modified_ns: int
    problem: str | None = None
    adapters: tuple[Entry, ...] = ()  # by name, those that cannot be used too
    template: Path | None = None  # what replaces the model's own
    projector: Entry | None = None  # what it sees and hears with; one that cannot be used too


@dataclass(frozen=True, slots=True)
class _File:
    """What a change of shows that the directory must be read again."""

    path: Path
    inode: int
    size_bytes: int
    modified_ns: int
    is_regular: bool
    model: Path | None = None  # whose adapter it is


class Catalog:
    """Call `scan` before a lookup: it costs one stat per file, and reads sidecars only after a change."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._seen: tuple[_File, ...] | None = None
        self._unreadable = ""
        self._entries: dict[str, Entry] = {}  # by folded name
        self._aliases: dict[str, list[str]] = {}  # folded alias to folded names

    def scan(self) -> None:
        """Makes the catalog say what the directory holds now."""
        seen = tuple(self._look())
        if seen == self._seen:
            return
        self._seen = seen
        self._entries = _entries(seen)
        self._aliases = {}
        for key, entry in self._entries.items():
            for alias in {alias.casefold() for alias in entry.aliases}:
                self._aliases.setdefault(alias, []).append(key)

    def entries(self) -> list[Entry]:
        """All models by name, those that cannot be used too."""
        return [self._entries[key] for key in sorted(self._entries)]

    def resolve(self, name: str) -> Entry:
        """The model of this name or alias, in any case of letters, and whole: a name that grows by one model
        must not change what an older script means. Raises ModelNotFound, ModelUnusable or InvalidRequest.
        """
        key = name.casefold()
        entry = self._entries.get(key) or self._by_alias(key)
        if entry is None:
            raise self._not_found(name)
        if entry.problem is not None:
            raise ModelUnusable(f"{entry.name} cannot be used: {entry.problem}", model=entry.name)
        return entry

    def default(self, configured: str) -> Entry:
        """The configured model, else the only one. Raises as `resolve` does."""
        if configured:
            return self.resolve(configured)
        usable = [entry.name for entry in self.entries() if entry.problem is None]
        names = usable or [entry.name for entry in self.entries()]
        if not names:
            raise ModelNotFound(self._emptiness())
        if len(names) > 1:
            raise InvalidRequest(f"name a model: {_either(names)}", suggestions=tuple(names))
        return self.resolve(names[0])

    # ------------------------------------------------------------------ looking

    def _look(self) -> Iterator[_File]:
        """Models and what stands beside them, in an order that does not depend on the file system."""
        self._unreadable = ""
        below: list[Path] = []
        yield from self._look_into(self.directory, below)
        beside: list[Path] = []
        for directory in below:
            if directory.suffix == _ADAPTERS:
                beside.append(directory)
            else:
                yield from self._look_into(directory, beside)
        for directory in beside:
            if directory.suffix == _ADAPTERS:
                for file in self._look_into(directory, []):
                    yield replace(file, model=directory.with_suffix(".gguf"))

    def _look_into(self, directory: Path, below: list[Path]) -> Iterator[_File]:
        """The files of one directory; what directories are in it is added to `below`."""
        for found in self._list(directory):
            if found.name.endswith(_KNOWN):
                yield _file(found)
            elif not found.name.startswith(".") and found.is_dir():
                below.append(Path(found.path))

    def _list(self, directory: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as found:
                return sorted(found, key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._unreadable = f"{directory} cannot be read ({error.strerror}); "
            return []

    # ------------------------------------------------------------------ finding

    def _by_alias(self, alias: str) -> Entry | None:
        keys = self._aliases.get(alias, [])
        if len(keys) > 1:
            names = sorted(self._entries[key].name for key in keys)
            raise InvalidRequest(
                f'"{_shown(alias)}" is an alias of several models; name {_either(names)}',
                suggestions=tuple(names),
            )
        return self._entries[keys[0]] if keys else None

    def _not_found(self, name: str) -> ModelNotFound:
        what = f'no model is called "{_shown(name)}"'
        if not self._entries:
            return ModelNotFound(f"{what}; {self._emptiness()}", model=_shown(name))
        near = self._near(name.casefold())
        if near:
            return ModelNotFound(
                f"{what}; did you mean {_either(near)}?", model=_shown(name), suggestions=tuple(near)
            )
        names = [entry.name for entry in self.entries()]
        return ModelNotFound(
            f"{what}; name {_either(names)}", model=_shown(name), suggestions=tuple(names[:3])
        )

    def _near(self, wanted: str) -> list[str]:
        """Up to three names that someone may have meant, the likeliest first."""
        import difflib  # only for those who mistype

        known = {key: key for key in self._entries} | {a: keys[0] for a, keys in self._aliases.items()}
        keys = [known[match] for match in difflib.get_close_matches(wanted[:200], known, n=3)]
        keys += [key for text, key in sorted(known.items()) if wanted and (wanted in text or text in wanted)]
        return [self._entries[key].name for key in dict.fromkeys(keys)][:3]

    def _emptiness(self) -> str:
        return self._unreadable + f"there are no models in {self.directory}; put a .gguf file there"


# ------------------------------------------------------------------ entries


def _file(found: os.DirEntry[str]) -> _File:
    path = Path(found.path)
    try:
        status = found.stat()
    except OSError:  # a link to nowhere, or gone since
        return _File(path, 0, 0, 0, False)
    return _File(path, status.st_ino, status.st_size, status.st_mtime_ns, stat.S_ISREG(status.st_mode))


def _entries(files: tuple[_File, ...]) -> dict[str, Entry]:
    beside = {file.path for file in files if file.path.suffix == ".toml" and file.is_regular}
    beside |= {file.path for file in files if file.path.suffix == ".jinja"}
    found = {file.path: file for file in files if file.model is None}
    named: set[Path] = set()  # projectors of sidecars
    adapters: dict[Path, list[Entry]] = {}
    entries: dict[str, Entry] = {}
    for file in sorted(files, key=lambda file: file.model is None):  # adapters first
        name = file.path.stem
        if file.path.suffix != ".gguf" or name.startswith(".") or not name.isprintable():
            continue
        sidecar, template = (file.path.with_suffix(suffix) for suffix in (".toml", ".jinja"))
        entry, said = _entry(file, sidecar if sidecar in beside else None)
        if file.model is not None:
            adapters.setdefault(file.model, []).append(entry)
            continue
        if _is_projector(file.path):
            continue
        entry = replace(
            entry,
            adapters=_at_most(_MAX_ADAPTERS, adapters.get(file.path, [])),
            template=template if template in beside else None,
            projector=_projector(file.path, said, found, beside),
        )
        if said.projector is not None:
            named.add(file.path.with_name(said.projector))
        twin = entries.get(name.casefold())
        if twin is not None:
            entry = replace(twin, problem=f"{twin.path} and {file.path} have one name; rename one of them")
        entries[name.casefold()] = entry
    return {key: entry for key, entry in entries.items() if entry.path not in named}


def _is_projector(path: Path) -> bool:
    return path.stem.endswith(_PROJECTOR) or path.name.startswith(_PROJECTOR_AS_PUBLISHED)


def _projector(model: Path, said: Sidecar, found: dict[Path, _File], beside: set[Path]) -> Entry | None:
    """What stands beside a model, or what its sidecar names even if nothing stands there."""
    names = [f"{model.stem}{_PROJECTOR}.gguf", f"{_PROJECTOR_AS_PUBLISHED}{model.name}"]
    for name in names if said.projector is None else [said.projector]:
        if (file := found.get(model.with_name(name))) is not None:
            sidecar = file.path.with_suffix(".toml")
            return _entry(file, sidecar if sidecar in beside else None)[0]
    if said.projector is None:
        return None
    return _entry(_File(model.with_name(said.projector), 0, 0, 0, False), None)[0]


def _entry(file: _File, sidecar: Path | None) -> tuple[Entry, Sidecar]:
    said, problem = Sidecar(), _problem(file)
    try:
        said = read_sidecar(sidecar) if sidecar else said
    except SidecarError as error:
        problem = problem or str(error)
    entry = Entry(
        name=file.path.stem,
        path=file.path,
        aliases=said.aliases,
        sha256=said.sha256,
        license=said.license,
        draft=said.draft,
        size_bytes=file.size_bytes,
        modified_ns=file.modified_ns,
        problem=problem,
    )
    return entry, said


def _at_most(limit: int, adapters: list[Entry]) -> tuple[Entry, ...]:
    problem = f"there are more than {limit} adapters of this model; move some away"
    return (*adapters[:limit], *(replace(adapter, problem=problem) for adapter in adapters[limit:]))


def _problem(file: _File) -> str | None:
    if not file.is_regular:
        return f"{file.path} is no file, or a link to none; replace it"
    if file.size_bytes == 0:
        return f"{file.path} is empty; fetch it again"
    if _PART_OF_MANY.search(file.path.stem):
        return f"{file.path} is one part of a model in several files; merge them into one"
    return None


# ------------------------------------------------------------------ words


def _either(names: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`; many names end with how many more there are."""
    shown = [*names[:5], f"{len(names) - 5} more"] if len(names) > 6 else names
    return " or ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _shown(name: str) -> str:
    """What a caller typed, fit for a line of a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:80])
