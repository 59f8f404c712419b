"""A letter in a run's inbox: what somebody who does not hold the run asks of whoever does."""

from __future__ import annotations

from json import dumps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flux_core._stored import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flux_core._entry import Entry

SIGNAL: Final = "signal"
CANCEL: Final = "cancel"
PAUSE: Final = "pause"
RESUME: Final = "resume"
OUTCOME: Final = "outcome"
REMEMBERED: Final = (
    100  # writers whose ids a run keeps, so that nothing is written twice after an answer was lost
)


class Letter(NamedTuple):
    """One letter. It stays in the inbox until it has been served, or as long as the run if nothing can serve it."""

    kind: str
    """`signal`, `cancel`, `pause`, `resume`, or `outcome`: what came of a commit, told by somebody who knows."""
    id: str
    """Made by the sender, so that a letter that is sent again is not delivered twice."""
    number: int = 0
    """Its place among all letters that the run was ever sent, from 1."""
    name: str = ""
    """Of the signal, or of the node that an outcome is of."""
    value: str = "null"
    """The signal's payload, or the node's output, encoded."""
    compensate: bool = False
    """Whether a cancelled run is rolled back."""
    generation: int = 1
    """Of the commit that an outcome is of."""
    changes: Mapping[str, str] = MappingProxyType({})
    """Fields of data that the commit set, encoded."""
    removed: Sequence[str] = ()
    """Fields of data that it removed."""


def cancel_in(inbox: Iterable[Letter]) -> bool | None:
    """Return whether the run is to be cancelled with compensation (True) or without (False); None if it is not."""
    asked = [letter.compensate for letter in inbox if letter.kind == CANCEL]
    return any(asked) if asked else None


def pause_in(inbox: Iterable[Letter]) -> bool:
    """Whether the run is to pause: that is the last that was said about it; a cancellation takes it back as well."""
    return last_word(letter.kind for letter in inbox) == PAUSE


def last_word(kinds: Iterable[str]) -> str | None:
    """Return the last of the kinds that says whether a run is to stand still."""
    return next((kind for kind in reversed([*kinds]) if kind in (PAUSE, RESUME, CANCEL)), None)


def still_to_serve(inbox: Iterable[Letter], behind: Iterable[Entry]) -> list[Letter]:
    """Return the letters without a pause that was taken back, and without outcomes of nodes that are behind."""
    letters = list(inbox)
    if any(letter.kind == OUTCOME for letter in letters):
        names = {entry.name for entry in behind}
        letters = [letter for letter in letters if letter.kind != OUTCOME or letter.name not in names]
    if not pause_in(letters):
        letters = [letter for letter in letters if letter.kind not in (PAUSE, RESUME)]
    return letters


def letter_text(letter: Letter, stored: Callable[[str], str]) -> str:
    """Return the letter as it stands in a document, if `stored` returns how an encoded value stands there."""
    changes = ",".join([f"{dumps(name)}:{stored(text)}" for name, text in letter.changes.items()])
    return (
        f'{{"kind":"{letter.kind}","id":{dumps(letter.id)},"number":{letter.number},"name":{dumps(letter.name)}'
        f',"value":{stored(letter.value)},"compensate":{dumps(letter.compensate)}'
        f',"generation":{letter.generation},"changes":{{{changes}}},"removed":{dumps(letter.removed)}}}'
    )


def letter_values(raw: Mapping[str, Any]) -> list[Any]:
    """Return the values of a letter as it stands in a document, any of which may be a reference to a blob."""
    return [raw["value"], *raw["changes"].values()]


def letter_of(raw: Mapping[str, Any], blobs: Mapping[str, str]) -> Letter:
    """Return the letter that stands so in a document; `blobs` holds what it refers to."""
    changes = {name: text_of(value, blobs) for name, value in raw["changes"].items()}
    return Letter(**{**raw, "value": text_of(raw["value"], blobs), "changes": changes})
