"""The version of the SDK, kept in every record."""

VERSION = "0.1.0"
