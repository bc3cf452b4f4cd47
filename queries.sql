-- The five business questions, as Athena SQL. Choose the database gold_<StudentId> (with _ for -)
-- and the workgroup capstone-<StudentId>, then run one statement at a time.

-- name: conversion_funnel
-- question: Which share of the views of a product ends in a cart, and which in a purchase?
-- grain: one row per product, all dates together, most viewed first
with daily_funnel as (
    select product_id, category, views, add_to_carts, purchases
    from conversion_funnel
),

product_funnel as (
    select
        product_id,
        category,
        sum(views) as views,
        sum(add_to_carts) as add_to_carts,
        sum(purchases) as purchases
    from daily_funnel
    group by product_id, category
)

select
    product_id,
    category,
    views,
    add_to_carts,
    purchases,
    cast(add_to_carts as decimal(18, 4)) / nullif(views, 0) as view_to_cart_conversion,
    cast(purchases as decimal(18, 4)) / nullif(views, 0) as view_to_purchase_conversion,
    cast(purchases as decimal(18, 4)) / nullif(add_to_carts, 0) as cart_to_purchase_conversion
from product_funnel
order by views desc, product_id, category;

-- name: hourly_revenue
-- question: How much do we sell in each hour?
-- grain: one row per hour that has an event
select event_date, event_hour, total_revenue, transaction_count
from hourly_revenue
order by event_date, event_hour;

-- name: top_products
-- question: Which products are viewed most?
-- grain: one row per rank, 1 to 10, all dates together
select rank, product_id, category, view_count
from top_products
where period = 'all_time'
order by rank;

-- name: category_performance
-- question: How does each category do, day by day?
-- grain: one row per date and category
select
    event_date,
    category,
    event_count,
    page_views,
    add_to_carts,
    remove_from_carts,
    purchases,
    searches,
    revenue
from category_performance
order by event_date, category;

-- name: user_activity
-- question: How many users and sessions do we have each day?
-- grain: one row per date
select event_date, unique_users, unique_sessions, total_events
from user_activity
order by event_date;
