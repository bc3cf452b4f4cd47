"""Athena: queries that DuckDB executes over the files that the Glue catalog points to."""

from __future__ import annotations


def install() -> None:
    """Put this package's backend in the place of moto's."""
    from moto.athena.models import athena_backends

    from local_aws.athena.models import LocalAthenaBackend

    athena_backends.backend = LocalAthenaBackend
