"""Template text made safe inside Markdown: one line, bounded, no table or HTML of its own."""

# Characters. A policy rendered as text can be kilobytes long; its head is enough to find it.
LONGEST_LINE = 2_000


def code(text: str) -> str:
    """Return the text as a code span, where neither Markdown nor HTML has a meaning."""
    return "`" + text.replace("`", "'") + "`"


def line(text: str) -> str:
    """Return the text as one bounded line; a code span that the bound cuts open is closed."""
    flat = " ".join(text.split())
    if len(flat) > LONGEST_LINE:
        flat = flat[:LONGEST_LINE].rstrip() + "…"
        flat += "`" if flat.count("`") % 2 else ""
    return flat


def cell(text: str) -> str:
    """Return the text for a table cell."""
    return line(text).replace("|", "\\|")
