"""The page that people look at: one HTML file with its style, its modules and its data in it.

The sources are in ``page/``: ``page.html``, ``page.css`` (and what a page adds to it, under the
name of its first module) and ES modules in ``js/``::

    js/report.js, viewer.js   what starts the two pages; app.js, which both start
    js/drawing/               elements, numbers as text, charts, images: know nothing of a run
    js/sources/               where a page's data comes from
    js/panels/                the parts of the report
    js/extensions/            what the viewer adds, because it can ask for data

There is no build step: the modules are put one after the other here, each a function that returns
its exports, so that the file also works from disk, where browsers load no modules.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.\.?/(?:\w+/)?)(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) (\w+))", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*$|</?script|<!--", re.MULTILINE | re.IGNORECASE)
_UNSAFE = re.compile("[<>&]")  # with these, text could end the element that holds it


def assemble_page(
    entry: str, title: str, blocks: Mapping[str, str] | None = None, *, served: bool = False
) -> list[bytes]:
    """Put a page together from its sources and its data.

    Parameters
    ----------
    entry : str
        The module that starts it, a name in ``page/js`` without suffix.
    title : str
        Title of the window; any text, it is escaped.
    blocks : mapping of str to str or None
        Data the page carries: id of the element and what `encode_block` returned.
    served : bool
        Whether the page may ask the server it came from for data; else it may ask for nothing.

    Returns
    -------
    list of bytes
        The file in consecutive pieces.

    Notes
    -----
    The content security policy allows this very script and style and nothing else, so that text in
    the data could not run even if it became markup.
    """
    script, style = bundle_modules(entry), _style(entry)
    policy = page_policy(entry, served=served)
    head, tail = read_part("page.html").split("%DATA%")
    head = _fill(head, POLICY=policy, TITLE=html.escape(title), STYLE=style)
    data = (
        f'<script type="application/json" id="{name}">{text}</script>\n'.encode()
        for name, text in (blocks or {}).items()
    )
    return [head.encode(), *data, _fill(tail, SCRIPT=script).encode()]


def page_policy(entry: str, *, served: bool = False) -> str:
    """Return the content security policy of a page; a server sends it as a header, too."""
    connect = "connect-src 'self'; " if served else ""
    return (
        f"default-src 'none'; script-src {_digest(bundle_modules(entry))}; "
        f"style-src {_digest(_style(entry))}; "
        f"img-src data: blob:; {connect}base-uri 'none'; form-action 'none'"
    )


def encode_block(value: Any) -> str:
    """Write a value as JSON in ASCII without ``<``, ``>`` and ``&``: no text in it is markup.

    Raises
    ------
    ValueError
        If there is an infinity or NaN in it, which JSON does not know.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


@functools.cache
def bundle_modules(entry: str) -> str:
    """Put a module and all it imports into one script.

    Raises
    ------
    ValueError
        If a module says something that is not understood here: imports must be
        ``import { names } from "./module.js";`` or ``"../folder/module.js"``, exports must be
        declarations, modules of two folders must not have one name, and none may import each other
        in a circle.
    """
    scripts: dict[str, str] = {}
    _add_module(entry, scripts, ())
    return "\n".join(['"use strict";', *scripts.values()]) + "\n"


def _add_module(path: str, scripts: dict[str, str], importers: tuple[str, ...]) -> None:
    """Add a module, after what it imports, unless it is there; ``scripts`` is by path."""
    if path in importers:
        raise ValueError(f"page modules import each other: {' → '.join((*importers, path))}")
    if path in scripts:
        return
    folder, name = posixpath.split(path)
    source = read_part(f"js/{path}.js")
    for _, where, imported in _IMPORT.findall(source):
        below = posixpath.normpath(posixpath.join(folder, where, imported))
        _add_module(below, scripts, (*importers, path))
    if name in map(posixpath.basename, scripts):
        raise ValueError(f"page/js/{path}.js: another module has its name")
    exports = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(_take, source))
    if other := _OTHER.search(body):
        raise ValueError(f"page/js/{path}.js: cannot be put into a page: {other[0]}")
    scripts[path] = f"const {name}$ = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"


def _take(found: re.Match[str]) -> str:
    """Turn an import into the taking of names from what a module returned."""
    names = ", ".join(name.strip().replace(" as ", ": ") for name in found[1].split(","))
    return f"const {{ {names} }} = {found[3]}$;\n"


def _fill(text: str, **values: str) -> str:
    """Replace each ``%NAME%`` of a text by its value."""
    for name, value in values.items():
        text = text.replace(f"%{name}%", value)
    return text


def _style(entry: str) -> str:
    """Return the style of all pages and what a page adds to it."""
    own = f"{entry}.css"
    more = read_part(own) if resources.files(__package__).joinpath("page", own).is_file() else ""
    return read_part("page.css") + more


def _digest(text: str) -> str:
    """Return a script or style as the content security policy names it: by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def read_part(name: str) -> str:
    """Return the text of one of the page's files."""
    return resources.files(__package__).joinpath("page", *name.split("/")).read_text("utf-8")
