"""Decisions as RSS 2.0: a reader is told of each once, whatever is published again."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["Item", "feed"]

_ATOM: Final = "http://www.w3.org/2005/Atom"


class Item(NamedTuple):
    """One decision.

    Attributes:
        digest: sha256 of its record, by which readers know that they have seen it.
        at: when it was prepared.
        path: of its page, from where the feed is.
    """

    digest: str
    title: str
    text: str
    at: datetime
    path: str


def feed(
    items: Iterable[Item], title: str, description: str, *, lang: str, base: str = ""
) -> bytes:
    """Return the feed, the newest item first.

    Args:
        items: what it tells of.
        title: of the whole.
        description: what it is, in a sentence.
        lang: its language.
        base: address of the folder that it will be in, which ends with a slash; without one
            nobody knows it, so links are relative.
    """
    newest = sorted(items, key=lambda item: (item.at, item.title), reverse=True)
    ET.register_namespace("atom", _ATOM)
    root = ET.Element("rss", version="2.0")
    channel = ET.SubElement(root, "channel")
    whole = {"title": title, "link": f"{base}index.html", "description": description,
             "language": lang, "generator": "rolloutlib"}  # fmt: skip
    for name, text in whole.items():
        ET.SubElement(channel, name).text = text
    if base:
        own = {"href": f"{base}feed.xml", "rel": "self", "type": "application/rss+xml"}
        ET.SubElement(channel, f"{{{_ATOM}}}link", own)
    for item in newest:
        entry = ET.SubElement(channel, "item")
        about = {"title": item.title, "link": f"{base}{item.path}", "description": item.text,
                 "pubDate": format_datetime(item.at)}  # fmt: skip
        for name, text in about.items():
            ET.SubElement(entry, name).text = text
        guid = ET.SubElement(entry, "guid", isPermaLink="false")
        guid.text = f"urn:sha256:{item.digest}"
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
