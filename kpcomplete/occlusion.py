"""Named ways to lose joints on purpose, from mild to severe."""

from collections.abc import Mapping
from dataclasses import dataclass

from kpcomplete.corruption import Corruption
from kpcomplete.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """A family of corruptions that differ in severity.

    Args:
        title: What happens, for a heading.
        axis: What the levels count, with its unit.
        levels: Severity, a number or a word, to the corruption.

    Raises:
        SettingError: If there is no level.
    """

    title: str
    axis: str
    levels: Mapping[str | float, Corruption]

    def __post_init__(self) -> None:
        if not self.levels:
            raise SettingError(f"an occlusion needs levels, but {self.title!r} has none")

    @property
    def is_ordered(self) -> bool:
        """Whether levels are numbers, so that errors are a curve over them."""
        return all(isinstance(level, int | float) for level in self.levels)
