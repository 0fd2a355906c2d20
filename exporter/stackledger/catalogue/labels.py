"""Labels as classes: `class Db(Label)` is the label `db`, and a type that a `Metric` carries.

A class, not an object, so that the type checker knows which labels a metric has and refuses others in a query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar

from stackledger.errors import DeclarationError

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Label:
    """Base of every label. The class docstring says where the values come from.

    `name` defaults to the class name in snake case. A label whose values the monitored system decides
    (`bounded = False`) needs a `cap`: the most values that one target may show.
    """

    name: ClassVar[str] = ""
    values: ClassVar[tuple[str, ...]] = ()
    bounded: ClassVar[bool] = True
    cap: ClassVar[int | None] = None

    def __init_subclass__(cls) -> None:
        """Fill in the name and refuse a label that could grow without limit."""
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        if not _NAME.match(cls.name):
            raise DeclarationError(f"label {cls.name!r}: use lower case letters, digits and underscores")
        if not (cls.__doc__ or "").strip():
            raise DeclarationError(f"label {cls.name!r}: say in a docstring where its values come from")
        if not cls.bounded and (cls.cap is None or cls.cap < 1):
            raise DeclarationError(f"label {cls.name!r}: unbounded values need a cap")

    def __new__(cls) -> Label:  # noqa: PYI034 - never returns
        """Refused: a label is used as a class."""
        raise TypeError(f"{cls.__name__} is used as a class, never made into an object")

    @classmethod
    def eq(cls, value: str) -> Matcher[Self]:
        """`label="value"`."""
        return Matcher(cls, "=", cls.checked(value))

    @classmethod
    def ne(cls, value: str) -> Matcher[Self]:
        """`label!="value"`; an empty value asks for series that have the label."""
        return Matcher(cls, "!=", value and cls.checked(value))

    @classmethod
    def matches(cls, pattern: str) -> Matcher[Self]:
        """`label=~"pattern"`, anchored at both ends as PromQL does."""
        return Matcher(cls, "=~", pattern)

    @classmethod
    def excludes(cls, pattern: str) -> Matcher[Self]:
        """`label!~"pattern"`, anchored at both ends as PromQL does."""
        return Matcher(cls, "!~", pattern)

    @classmethod
    def variable(cls) -> Matcher[Self]:
        """`label=~"$label"`: the dashboard variable of the same name."""
        return Matcher(cls, "=~", f"${cls.name}")

    @classmethod
    def checked(cls, value: str) -> str:
        """The value, if it is one that this label can have."""
        if cls.values and value not in cls.values:
            raise DeclarationError(f"label {cls.name!r} has no value {value!r}; it has {', '.join(cls.values)}")
        return value


L = TypeVar("L", bound=Label)
L_co = TypeVar("L_co", bound=Label, covariant=True)


@dataclass(frozen=True, slots=True)
class Matcher(Generic[L_co]):
    """One label condition of a selector."""

    label: type[L_co]
    op: str
    value: str

    def __str__(self) -> str:
        """The matcher in PromQL's spelling."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label.name}{self.op}"{escaped}"'

    @property
    def literal(self) -> str | None:
        """The exact value that this matcher demands, if it demands one."""
        return self.value if self.op == "=" else None


class Instance(Label):
    """The node that a series speaks of: its address as the monitored system gives it."""


class Cluster(Label):
    """The target's name in the configuration."""


class Environment(Label):
    """`environment` in the configuration."""


class Region(Label):
    """`region` in the configuration."""


class Job(Label):
    """The job that the community's boards select; configurable per integration."""


class Le(Label):
    """Upper bound of a histogram bucket."""


class Quantile(Label):
    """Quantile of a summary, 0 to 1."""


Common = Instance | Cluster | Environment | Region | Job
COMMON: tuple[type[Label], ...] = (Instance, Cluster, Environment, Region, Job)
