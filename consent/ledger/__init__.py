"""The record: what the site can prove of its visitors' answers."""

from .record import Event, Record, Surface, draw_up
from .store import Store, Submission

__all__ = ["Event", "Record", "Store", "Submission", "Surface", "draw_up"]
