"""What a site loads and stores that nobody declared: seen by browsers, counted, and told to the developer."""

from .sighting import Kind, Sighting, page_of
from .tally import Tally

__all__ = ["Kind", "Sighting", "Tally", "page_of"]
