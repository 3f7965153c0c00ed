"""Texts that are written below the pages and shown by them in the reader's language."""

from __future__ import annotations


def shown(text: str) -> str:
    """Mark a text for the catalogues of the pages (gettext's ``N_``); it stays as it is here."""
    return text
