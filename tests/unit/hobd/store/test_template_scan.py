"""A look at a chat template finds what no honest one needs, and takes no longer than it is long."""

from __future__ import annotations

import time

import pytest
from hobd.store.template_scan import MAX_BYTES, scan_template
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_model import CHATML, ENDLESS_TEMPLATE, ESCAPING_TEMPLATE
from tests.unit.hobd.worker.test_template_families import ALL, TEMPLATES


def codes(template: str) -> list[str]:
    return [finding.code for finding in scan_template(template)]


HOSTILE = {
    "escape": (ESCAPING_TEMPLATE, "template_internals"),
    "escape by item": ("{{ x['__globals__'] }}", "template_internals"),
    "escape by filter": ("{{ x | attr('__init__') }}", "template_internals"),
    "machinery": ("{{ lipsum.x }}", "template_machinery"),
    "endless": (ENDLESS_TEMPLATE, "template_loops"),
    "one long loop": ("{% for a in range(1, 99999999) %}{% endfor %}", "template_loops"),
    "long range as a list": ("{{ range(99999999) | list }}", "template_loops"),
    "repeated text": ("{{ 'a' * 9999999 }}", "template_size_of_text"),
    "power": ("{{ 9 ** 99 ** 99 }}", "template_size_of_text"),
    "include": ("{%- include '/etc/passwd' %}", "template_files"),
    "import": ("{% from 'x' import y %}", "template_files"),
    "hidden order": ("a\u202eb", "template_hides"),
    "long": ("x" * (MAX_BYTES + 1), "template_size"),
}


@pytest.mark.parametrize(("template", "code"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_honest_template_needs_is_found(template: str, code: str) -> None:
    assert code in codes(template)


@pytest.mark.parametrize(
    "template", [CHATML, *((TEMPLATES / f"{name}.jinja").read_text() for name in ALL)], ids=["chatml", *ALL]
)
def test_honest_templates_pass(template: str) -> None:
    assert codes(template) == []


@pytest.mark.parametrize(
    "template",
    [
        "text of __init__ outside of tags",
        "{% for a in range(999) %}{% endfor %}" * 5,
        "{% for a in range(99) %}{% for b in range(99) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(include=1) %}{{ ns.include }}",
    ],
    ids=["text", "one after another", "small nest", "a name like a statement"],
)
def test_what_only_looks_like_it_passes(template: str) -> None:
    assert codes(template) == []


@pytest.mark.parametrize(
    "piece", ["{{", "{%", "{{ x", "{% for a in range(9) %}", "range(", "__a", "* 1", "{{ }}"]
)
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    codes(piece * (4 * MAX_BYTES // len(piece)))
    assert time.process_time() - began < 5  # hundredths of a second; a square of the length would be minutes


@given(st.text(alphabet="{}%_ax()*|- \n\u202e19"))
def test_any_text_is_judged_in_printable_words(template: str) -> None:
    assert all(finding.text.isprintable() for finding in scan_template(template))
