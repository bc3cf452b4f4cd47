"""S3 on disk: the object ``s3://<bucket>/<key>`` is the file ``<data dir>/s3/<bucket>/<key>``.

Spark and DuckDB read and write those files directly, so a file that appears there is an object at
once. Everything else that S3 knows of an object stays in moto's records; noncurrent versions,
parts of unfinished uploads and files being written live in ``<data dir>/s3-meta``.
"""

from local_aws.s3.models import install as install
