"""For templates whose way to write calls nobody here knows: they get ours, which is that of hermes.py.

Must stay pure. Tools are always described in the system message, as describing.py says: a template that has
words for tools would tell the model to write calls in a form that could not be read.
"""

from __future__ import annotations

from hobd.worker.dialect.hermes import Hermes


class Generic(Hermes):
    def __init__(self, template: str) -> None:
        super().__init__(template)
        self.knows_tools = False

    @classmethod
    def speaks(cls, template: str) -> bool:
        return True
