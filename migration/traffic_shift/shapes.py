"""The shape of a request target: what a parser before the app could have read differently.

The edge's configuration labels the same shapes in its own log. The comparison of two chains must
see both with the same eyes, and the legacy chain labels nothing, so this reads the target as the
load balancer logs it for either. A test holds the two to the same labels.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

PLAIN = "plain"
QUESTION_MARK_AS_DATA = "question-mark-as-data"

# In the order in which the edge's map asks; all but the first two look at the path alone.
_REFUSED = {
    "fragment": r"#",
    "non-ascii": r"[^\x21-\x7e]",
    "backslash": r"^[^?]*(?:\\|%5[cC])",
    "control": r"^[^?]*%(?:[01][0-9a-fA-F]|7[fF])",
    "encoded-slash": r"^[^?]*%2[fF]",
    "dot-segment": r"^[^?]*/(?:\.|%2[eE])(?:\.|%2[eE])?(?:[/?;]|%3[bBfF]|$)",
    "path-param": r"^[^?]*(?:;|%3[bB])",
    "double-encoding": r"^[^?]*%25",
    "overlong-utf8": r"^[^?]*%(?:[cC][01]|[eE]0%[89][0-9a-fA-F]|[fF][5-9a-fA-F])",
    "illegal-char": r"^[^?]*[\"<>^`{|}]",
    "bad-percent": r"^[^?]*%(?![0-9a-fA-F]{2})",
}
_REFUSED_PATTERNS = {shape: re.compile(pattern) for shape, pattern in _REFUSED.items()}
_DOUBLE_SLASH = re.compile(r"^[^?]*//")

_NAME = "(?:limit|after|q|search|filter|sortBy|sortOrder|expand|activate|sendEmail)"
_VALUE = r"(?:[A-Za-z0-9._~:@,+-]|%20|%22|%2[bBcC]|%3[aA]|%40)*"
_BEFORE = r"^/[^?%]*(?:%(?!3[fF])[0-9a-fA-F]{2}[^?%]*)*%3[fF]"
_PLAIN_TAIL = f"{_NAME}={_VALUE}(?:&{_NAME}={_VALUE})*"
_ENCODED_TAIL = f"{_NAME}%3[dD]{_VALUE}(?:%26{_NAME}%3[dD]{_VALUE}){{0,2}}"
_ENCODED_QUERY = re.compile(f"{_BEFORE}(?:{_PLAIN_TAIL}|{_ENCODED_TAIL})$")
_RESERVED = re.compile(r"/_edge(?:/|$)")  # the edge's own locations, however they are spelled
_ABSOLUTE = re.compile(r"^[a-z]+://[^/?#]*", re.IGNORECASE)


def shape_of(target: str) -> str:
    """Return the label of a request target, in origin form or in absolute form."""
    origin = _ABSOLUTE.sub("", target) or "/"
    for shape, pattern in _REFUSED_PATTERNS.items():
        if pattern.search(origin):
            return shape
    path = origin.partition("?")[0]
    if _RESERVED.match(re.sub("/{2,}", "/", unquote(path))):
        return "reserved-path"
    found = []
    if _DOUBLE_SLASH.search(origin):
        found.append("double-slash")
    if _ENCODED_QUERY.search(origin):
        found.append("encoded-query")
    elif "%3f" in path.lower():
        found.append(QUESTION_MARK_AS_DATA)
    return "+".join(found) or PLAIN
