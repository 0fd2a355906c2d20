"""From a file to a checked `Configuration`, or to the whole list of what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from stackledger import registry
from stackledger.config.consistency import disagreements
from stackledger.config.document import Document, Loc, read
from stackledger.config.root import Configuration, root_model
from stackledger.errors import ConfigError, Mistake


def load(path: Path) -> Configuration:
    """The configuration. Raises ConfigError with every mistake, each with file, line, path and remedy."""
    document, base, model = read(path), path.resolve().parent, root_model()
    mistakes = [*document.mistakes, *_in_discovered(document, base)]
    try:
        root = model.model_validate(document.root.plain(), context={"base": base})
    except ValidationError as error:
        told = {(mistake.file, mistake.path) for mistake in mistakes}  # what was no value is not also a wrong one
        mistakes += (one for one in _mistakes(document, error, model) if (one.file, one.path) not in told)
        raise ConfigError(_in_order(mistakes)) from None
    mistakes += (_placed(document, loc, message) for loc, message in disagreements(root))
    if mistakes:
        raise ConfigError(_in_order(mistakes))
    return Configuration(path=path, root=root, document=document)


def _in_discovered(document: Document, base: Path) -> Iterator[Mistake]:
    """Mistakes in the settings of targets that are still to be found: tried with a name and an address made up."""
    for integration in registry.INTEGRATIONS:
        entries = document.get("integrations", integration.name, "discover")
        for index in range(len(entries.value) if entries is not None and isinstance(entries.value, list) else 0):
            loc = ("integrations", integration.name, "discover", index, "target")
            target = document.get(*loc)
            given = target.plain() if target is not None else {}
            if not isinstance(given, dict):
                continue  # told as such when the whole is validated
            if integration.addresses in given:
                yield _placed(document, (*loc, integration.addresses), "is filled in with what is found: leave it out")
            values = {"name": "found", **given, integration.addresses: ["found:1"]}
            try:
                integration.settings.model_validate(values, context={"base": base})
            except ValidationError as error:
                yield from _mistakes(document, error, integration.settings, loc)


def _in_order(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line or 0, mistake.path))


def _placed(document: Document, loc: Loc, message: str) -> Mistake:
    file, line, path = document.place(loc)
    return Mistake(path, message, file, line)


def _mistakes(
    document: Document, error: ValidationError, model: type[BaseModel], prefix: Loc = ()
) -> Iterator[Mistake]:
    """What pydantic found, where it stands. `prefix` leads from the document's root to what was validated."""
    details = error.errors(include_url=False)
    for detail in details:
        if _follows_from_others(detail, details):
            continue
        file, line, path = document.place((*prefix, *detail["loc"]))
        if detail["type"] == "missing":
            path = f"{path}.{detail['loc'][-1]}".lstrip(".")
        yield Mistake(path, _message(detail, model), file, line)


def _follows_from_others(detail: Any, details: list[Any]) -> bool:
    """A list whose items are wrong is then called too short as well; only the items need telling."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(o["loc"][: len(loc)] == loc and o is not detail for o in details)


def _message(detail: Any, model: type[BaseModel]) -> str:
    """Pydantic's words where they help a person, ours where they do not."""
    kind = detail["type"]
    if kind == "extra_forbidden":
        key = str(detail["loc"][-1])
        known = set(_field_names(model, set()))
        if key in known:
            return "unknown key here; see docs/configuration.md for where it belongs"
        close = difflib.get_close_matches(key, sorted(known), n=1)
        return "unknown key" + (f"; did you mean {close[0]!r}?" if close else "; see docs/configuration.md")
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    message: str = detail["msg"]
    return message[0].lower() + message[1:]


def _field_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    for name, info in model.model_fields.items():
        yield name
        for inner in models_in(info.annotation):
            yield from _field_names(inner, seen)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type holds, however wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
