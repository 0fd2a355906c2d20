"""From a file to a checked `Configuration`, or to the whole list of what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from stackledger.config.document import Document, read
from stackledger.config.root import Configuration, root_model
from stackledger.errors import ConfigError, Mistake


def load(path: Path) -> Configuration:
    """The configuration. Raises ConfigError with every mistake, each with file, line, path and remedy."""
    document = read(path)
    mistakes = list(document.mistakes)
    model = root_model()
    try:
        root = model.model_validate(document.root.plain(), context={"base": path.resolve().parent})
    except ValidationError as error:
        details = error.errors(include_url=False)
        mistakes += [_mistake(document, one, model) for one in details if not _follows_from_others(one, details)]
        raise ConfigError(_in_order(mistakes)) from None
    if mistakes:
        raise ConfigError(_in_order(mistakes))
    return Configuration(path=path, root=root, document=document)


def _in_order(mistakes: list[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line or 0, mistake.path))


def _mistake(document: Document, detail: Any, model: type[BaseModel]) -> Mistake:
    file, line, path = document.place(detail["loc"])
    if detail["type"] == "missing":
        path = f"{path}.{detail['loc'][-1]}".lstrip(".")
    return Mistake(path, _message(detail, model), file, line)


def _follows_from_others(detail: Any, details: list[Any]) -> bool:
    """A list whose items are wrong is then called too short as well; only the items need telling."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(o["loc"][: len(loc)] == loc and o is not detail for o in details)


def _message(detail: Any, model: type[BaseModel]) -> str:
    """Pydantic's words where they help a person, ours where they do not."""
    kind = detail["type"]
    if kind == "extra_forbidden":
        key = str(detail["loc"][-1])
        close = difflib.get_close_matches(key, sorted(set(_field_names(model, set()))), n=1)
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
