"""A job that needs about the classes that jobs need, for `local_aws.glue.archive`."""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from local_aws.glue.spark import spark_conf

FIELDS = "a string, b string, day string"


def main(folder: str) -> None:
    """Read, parse, group, join and write some lines in a bucket below a folder."""
    builder = SparkSession.builder.config("spark.sql.shuffle.partitions", "2")
    for name, value in spark_conf(Path(folder), ["bucket"]).items():
        # Its options are those that the archive is made with.
        if name != "spark.driver.extraJavaOptions":
            builder = builder.config(name, value)
    spark = builder.getOrCreate()
    work(spark, "s3://bucket/")
    spark.stop()
    # The archive is written when the JVM exits by itself, which it does at the end of its input.
    if gateway := SparkContext._gateway:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()


def work(spark: SparkSession, root: str) -> None:
    record = '\'{"a":"\', id, \'","b":1.50,"day":"2026-11-04T12:00:00Z"}\''
    made = spark.range(20).selectExpr(f"concat({record}) as value").coalesce(1)
    made.write.text(f"{root}lines", compression="gzip")
    lines = spark.read.text(f"{root}lines").selectExpr("value", "_metadata.file_path as file")
    counted = lines.observe(Observation(), F.expr("to_json(struct(count(*) as n)) as counts"))
    rows = counted.repartition(2, "value").selectExpr(f"from_json(value, '{FIELDS}') as json", "*")
    typed = rows.selectExpr(
        "json.a",
        "try_cast(json.b as decimal(10,2)) as amount",
        "try_cast(json.day as timestamp) as time",
        "case when rlike(json.a, '[0-9]+') then md5(json.a) end as id",
        "regexp_replace(file, 'x', '') as file",
        "to_date(json.day) as day",
    )
    typed.write.option("compression", "zstd").partitionBy("day").parquet(f"{root}table")
    types = "a string, amount decimal(10,2), time timestamp, id string, file string, day date"
    table = spark.read.schema(types).parquet(f"{root}table")
    table.createOrReplaceTempView("rows")
    kept = spark.sql(
        """select id, a, day, min(time) as time, sum(amount) as amount, count(*) as copies
        from rows group by id, a, day"""
    ).persist()
    kept.createOrReplaceTempView("kept")
    kept.selectExpr("max(cast(time as string))", "count_if(amount > 1)").collect()
    spark.sql(
        """select /*+ broadcast(kept) */ kind, value, row_number() over (order by value) as place
        from rows left anti join kept on rows.a = kept.id
            lateral view explode(map('a', rows.a, 'file', rows.file)) each as kind, value"""
    ).collect()
    joined = spark.sql("select distinct rows.*, kept.copies from rows left join kept using (id)")
    joined.coalesce(1).write.option("compression", "zstd").parquet(f"{root}joined")
    kept.unpersist()


if __name__ == "__main__":
    main(sys.argv[1])
