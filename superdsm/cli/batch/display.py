"""What all displays can do besides listening to a run."""

from collections.abc import Sequence

from superdsm.batch.execution.listener import Listener
from superdsm.batch.planning.records import TaskPlan


class Display(Listener):
    """Shows a plan, what happens while it is carried out, and how to go on."""

    def prepare(self) -> None:
        """Check, before anything is processed, that things can be shown.

        Raises
        ------
        TaskError
            They cannot.
        """

    def show_plan(self, plans: Sequence[TaskPlan], seconds: float | None) -> None:
        """Show a plan that is not carried out; `seconds` is how long it would take (None: not known)."""

    def nothing_to_do(self, plans: Sequence[TaskPlan], exit_code: int) -> None:
        """Show that a plan was to be carried out, but leaves nothing to do."""

    def next_command(self, command: str, *, needed: bool) -> None:
        """Show the command that continues; `needed`: there is something left to do."""
