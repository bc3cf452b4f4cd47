"""Glue: moto's Data Catalog, and jobs whose runs really execute."""

from __future__ import annotations


def install() -> None:
    """Put this package's backend in the place of moto's."""
    from moto.glue.models import glue_backends

    from local_aws.glue.models import LocalGlueBackend

    glue_backends.backend = LocalGlueBackend
