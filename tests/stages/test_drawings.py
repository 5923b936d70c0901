"""An SVG stands on a page as it is, so nothing in it may act, and it has to be one."""

from __future__ import annotations

import pytest

from newsletter.pictures import MadePicture, PictureFault
from newsletter.pictures.making import make_picture
from newsletter.publishing.letters import _called_otherwise

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink">'
PLAIN = (
    '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY ns "http://www.example.org/">]>\n'
    f'<!-- drawn -->{HEAD}<style>rect {{ fill: teal }}</style><a x:href="https://a.example/"><rect '
    'width="9" height="9"/></a><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">one</p>'
    "</foreignObject></svg>"
)


def test_a_drawing_stays_as_it_is():
    made = make_picture(PLAIN.encode(), "page")
    assert isinstance(made, MadePicture)
    assert (made.data, made.suffix) == (PLAIN.encode(), ".svg")


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        '<x:script xmlns:x="http://www.w3.org/2000/svg" href="https://a.example/x.js"/>',
        '<rect onload="alert(1)"/>',
        '<rect ONclick="alert(1)"/>',
        '<a x:href=" java&#10;script:alert(1)"><rect/></a>',
        '<a><set attributeName="href" to="javascript:alert(1)"/></a>',
        '<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="/leave"/></foreignObject>',
    ],
)
def test_one_that_acts_is_refused(inner):
    fault = make_picture(f"{HEAD}{inner}</svg>".encode(), "page")
    assert isinstance(fault, PictureFault)
    assert "script" in fault.message


@pytest.mark.parametrize("data", [b"<html><svg></svg></html>", b"<svg><p></svg>", b"<svg"])
def test_what_is_none_is_told(data):
    fault = make_picture(data, "page")
    assert isinstance(fault, PictureFault)
    assert "no picture" in fault.message


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.png", ".svg"), ("a.svg", ".png"), ("a.SVG", ".jpg")]
)
def test_one_by_another_name_which_no_browser_would_show_is_told(name, suffix):
    made = MadePicture(data=b"", suffix=suffix, width=9, height=9)
    assert _called_otherwise(name, made)
    assert not _called_otherwise(
        name, MadePicture(data=b"", suffix=name[-4:].lower(), width=9, height=9)
    )
