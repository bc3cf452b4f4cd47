"""What Athena does with the rights of who asks: to the catalog, and to objects.

"Configure access to databases and tables in the AWS Glue Data Catalog" and "Access to Amazon S3",
Athena user guide. Where the guide is silent (which action a dropped partition needs, say), the
action is that of the Glue API's operation. Nothing is asked unless policies are enforced.
"""

from __future__ import annotations

from pathlib import Path

from local_aws import settings
from local_aws.iam.enforcement import require
from local_aws.iam.operations import arn, bucket_arn, listing, on_database, on_object, on_table
from local_aws.iam.policy import Access


def require_database(action: str, region: str, database: str) -> None:
    """Require a Glue action on a database, or on all (``*``)."""
    require(_on_database, action, region, database)


def require_table(action: str, region: str, database: str, table: str) -> None:
    """Require a Glue action on a table, or on all of a database (``*``)."""
    require(_on_table, action, region, database, table)


def require_listing(location: str) -> None:
    """Require to see what is below a location."""
    require(_on_listing, location)


def require_reading(file: Path) -> None:
    """Require to read an object, given as its file."""
    require(_on_reading, file)


def require_writing(location: str) -> None:
    """Require to leave an object at a location."""
    require(_on_writing, location)


def _on_database(action: str, region: str, database: str) -> list[Access]:
    accesses = [*_opened(region, database), *on_database(action, region, database)]
    if action == "DeleteDatabase":
        below = (f"table/{database}/*", f"userDefinedFunction/{database}/*")
        accesses += [Access("glue:DeleteDatabase", arn("glue", region, each)) for each in below]
    return accesses


def _on_table(action: str, region: str, database: str, table: str) -> list[Access]:
    return [*_opened(region, database), *on_table(action, region, database, table)]


def _opened(region: str, database: str) -> list[Access]:
    """Whatever a statement is about, Athena looks for the database `default` too."""
    names = ["default", *([database] if database != "*" else [])]
    return [access for name in names for access in on_database("GetDatabase", region, name)]


def _on_listing(location: str) -> list[Access]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return [listing(bucket, prefix)]


def _on_reading(file: Path) -> list[Access]:
    bucket, _, key = file.relative_to(settings.current().s3_dir).as_posix().partition("/")
    return [on_object("GetObject", bucket, key)]


def _on_writing(location: str) -> list[Access]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return [
        Access("s3:GetBucketLocation", bucket_arn(bucket)),
        on_object("PutObject", bucket, key),
    ]
