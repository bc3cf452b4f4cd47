-- The five business questions as one would ask them of bronze, which has each line as it came: texts,
-- and no thought of invalid, late or repeated lines. So they are cheaper here than right answers were.

-- name: conversion_funnel
select
    product_id,
    category,
    count_if(event_type = 'page_view') as views,
    count_if(event_type = 'add_to_cart') as add_to_carts,
    count_if(event_type = 'purchase') as purchases
from {bronze}.events
where product_id is not null
group by product_id, category
order by views desc;

-- name: hourly_revenue
select
    substr("timestamp", 1, 13) as event_hour,
    sum(try_cast(price as decimal(10, 2)) * try_cast(quantity as integer)) as total_revenue,
    count(*) as transaction_count
from {bronze}.events
where event_type = 'purchase'
group by substr("timestamp", 1, 13)
order by event_hour;

-- name: top_products
select product_id, category, count(*) as view_count
from {bronze}.events
where event_type = 'page_view'
group by product_id, category
order by view_count desc
limit 10;

-- name: category_performance
select
    category,
    substr("timestamp", 1, 10) as event_date,
    count(*) as event_count,
    count_if(event_type = 'page_view') as page_views,
    count_if(event_type = 'add_to_cart') as add_to_carts,
    count_if(event_type = 'remove_from_cart') as remove_from_carts,
    count_if(event_type = 'purchase') as purchases,
    count_if(event_type = 'search') as searches
from {bronze}.events
group by category, substr("timestamp", 1, 10);

-- name: user_activity
select
    substr("timestamp", 1, 10) as event_date,
    count(distinct user_id) as unique_users,
    count(distinct session_id) as unique_sessions,
    count(*) as total_events
from {bronze}.events
group by substr("timestamp", 1, 10);
