"""The one place where the version is written; the package's metadata reads it from here."""

VERSION = "0.1.0"
