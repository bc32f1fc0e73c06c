"""A command's output: data on standard output, messages on standard error.

Owns colours (only on a terminal), masking and `--json`. External text is printed as text, never as markup.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from cli.user.words import masked


def _console(*, is_error: bool) -> Console:
    return Console(stderr=is_error, highlight=False, markup=False, emoji=False)


@dataclass(frozen=True)
class Screen:
    """A terminal, a pipe or a file."""

    as_json: bool = False
    is_full: bool = False
    """Whether usage points are shown with all their digits."""
    out: Console = field(default_factory=lambda: _console(is_error=False))
    err: Console = field(default_factory=lambda: _console(is_error=True))

    def say(self, what: RenderableType = "", style: str | None = None) -> None:
        """For users, on standard output; nothing with `--json`."""
        if not self.as_json:
            self.out.print(what, style=style, soft_wrap=isinstance(what, str | Text))

    def note(self, what: str) -> None:
        """For users, on standard error."""
        self.err.print(what, style="dim", soft_wrap=True)

    def give(self, document: Any) -> None:
        """For programs, with `--json`: a document in one line, or over several on a terminal."""
        if self.as_json:
            text = json.dumps(document, ensure_ascii=False, indent=2 if self.out.is_terminal else None)
            self.out.file.write((text if self.is_full else masked(text)) + "\n")
            self.out.file.flush()

    def progress(self, *columns: str | ProgressColumn) -> Progress:
        """Progress bars that disappear when complete; nothing without a terminal."""
        return Progress(*columns, console=self.err, transient=True, disable=not self.err.is_terminal)
