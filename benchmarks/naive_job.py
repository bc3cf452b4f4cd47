"""The job that one would write first, and that many shops run: fair, but it starts over each time.

It appends the new lines to bronze, reads all of bronze again, keeps one row of each event by
`row_number` over everything, and overwrites silver and gold. Its answers are right as long as no
run dies; what it costs grows with all that was ever received.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

SCHEMA = """
    timestamp string, user_id string, session_id string, event_type string, product_id string,
    category string, quantity int, price double, search_query string
    """
FIELDS = [column.split()[0] for column in SCHEMA.strip().split(", ")]
PRODUCT = ["page_view", "add_to_cart", "remove_from_cart", "purchase"]
CART = ["add_to_cart", "remove_from_cart", "purchase"]


def run(spark: SparkSession, files: Sequence[Path], lake: str) -> float:
    """One run over new raw files into a lake at a URI; returns its seconds."""
    started = time.perf_counter()
    append_bronze(spark, files, lake)
    silver = distinct(valid(spark.read.parquet(f"{lake}/bronze")))
    silver.write.mode("overwrite").partitionBy("event_date", "event_hour").parquet(f"{lake}/silver")
    write_gold(spark.read.parquet(f"{lake}/silver"), lake)
    return time.perf_counter() - started


def append_bronze(spark: SparkSession, files: Sequence[Path], lake: str) -> None:
    lines = spark.read.schema(SCHEMA).json([f"file://{file}" for file in files])
    lines.withColumn("received", F.current_date()).write.mode("append").partitionBy(
        "received"
    ).parquet(f"{lake}/bronze")


def valid(bronze: DataFrame) -> DataFrame:
    """The rows that a shop can use; the others stay in bronze."""
    kind = F.col("event_type")
    has_product = F.col("product_id").isNotNull() & F.col("category").isNotNull()
    has_sale = (F.col("quantity") >= 1) & (F.col("price") >= 0)
    typed = bronze.withColumn("event_timestamp", F.to_timestamp("timestamp"))
    return typed.where(
        F.col("event_timestamp").isNotNull()
        & F.col("user_id").isNotNull()
        & F.col("session_id").isNotNull()
        & (
            (kind.isin(PRODUCT) & has_product & (~kind.isin(CART) | has_sale))
            | ((kind == "search") & F.col("search_query").isNotNull())
        )
    )


def distinct(events: DataFrame) -> DataFrame:
    one = Window.partitionBy(*FIELDS).orderBy("event_timestamp")
    revenue = F.when(F.col("event_type") == "purchase", F.col("price") * F.col("quantity"))
    return (
        events.withColumn("row", F.row_number().over(one))
        .where("row = 1")
        .drop("row", "received", "timestamp")
        .withColumn("revenue", F.coalesce(revenue, F.lit(0.0)))
        .withColumn("event_date", F.to_date("event_timestamp"))
        .withColumn("event_hour", F.hour("event_timestamp"))
    )


def write_gold(silver: DataFrame, lake: str) -> None:
    def count(kind: str) -> F.Column:
        return F.count(F.when(F.col("event_type") == kind, 1))

    def write(name: str, frame: DataFrame) -> None:
        frame.coalesce(1).write.mode("overwrite").parquet(f"{lake}/gold/{name}")

    products = silver.where("product_id is not null and event_type != 'search'")
    funnel = products.groupBy("event_date", "product_id", "category").agg(
        count("page_view").alias("views"),
        count("add_to_cart").alias("add_to_carts"),
        count("purchase").alias("purchases"),
    )
    write("conversion_funnel", funnel)
    by_hour = silver.groupBy("event_date", "event_hour")
    sales = by_hour.agg(F.sum("revenue").alias("total_revenue"), count("purchase").alias("sold"))
    write("hourly_revenue", sales)
    totals = products.groupBy("product_id", "category").agg(count("page_view").alias("view_count"))
    write("top_products", totals.orderBy(F.desc("view_count"), "product_id").limit(10))
    by_category = silver.groupBy("event_date", "category")
    write("category_performance", by_category.agg(F.count("*").alias("events"), F.sum("revenue")))
    by_day = silver.groupBy("event_date")
    people = by_day.agg(F.countDistinct("user_id"), F.countDistinct("session_id"), F.count("*"))
    write("user_activity", people)
