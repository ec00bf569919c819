#!/usr/bin/env python3
"""An HTML report: well-formed, alone, small: usage: page.py FILE..."""
import re
import sys
import xml.etree.ElementTree as ElementTree

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as f:
        text = f.read()
    first, rest = text.split("\n", 1)
    assert first == "<!DOCTYPE html>", name
    page = ElementTree.fromstring(rest)  # it is XML as well
    tags = {element.tag for element in page.iter()}
    assert {"style", "svg", "table", "path"} <= tags, tags
    assert not tags & {"script", "link", "img", "iframe", "object", "embed"}, tags
    for element in page.iter():
        for key in element.attrib:
            assert key not in ("src", "href", "srcset", "action") and not key.startswith("on"), (name, key)
    assert not re.search(r"https?:|url\(|@import", text), name
    assert len(text) < 1 << 20, name
    for element in page.iter("path"):
        assert re.fullmatch(r"([MLHVz][-0-9. ]*)*", element.get("d")), element.get("d")
