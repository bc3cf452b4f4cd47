"""The part of AWS Glue's `awsglue` library that the embedded AWS provides to a job run.

What is here follows AWS's documentation. What is not here raises and is named in the error.
"""
