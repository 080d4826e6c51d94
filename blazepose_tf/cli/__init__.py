"""The command line: `blazepose VERB --flags`, one module per verb."""


class UserError(Exception):
    """A mistake that the user can mend: shown as one line, without a traceback, exit code 1."""
