-- Of the conversations that began on a day. A figure is null where no conversation tells it.
with conversations as (
    select
        *,
        cast(created_at at time zone 'UTC' as date) as day,
        coalesce(channel, 'unknown') as known_channel
    from {{ ref('support_conversations') }}
    where created_at is not null and not is_deleted
),

days as (
    select pairs.vendor, pairs.known_channel, cast(day as date) as day
    from (select distinct vendor, known_channel from conversations) as pairs
    cross join (select min(day) as first_day, max(day) as last_day from conversations) as span
    cross join lateral generate_series(span.first_day, span.last_day, interval '1 day') as day
)

select
    days.vendor,
    days.known_channel as channel,
    days.day,
    count(conversations.conversation_id) as conversations,
    sum(conversations.message_count) as messages,
    sum(conversations.is_resolved::integer) as resolved,
    sum(conversations.is_missed::integer) as missed,
    count(conversations.handled_by) as handled_by_known,
    count(*) filter (where conversations.handled_by = 'bot') as handled_by_bot_alone,
    count(conversations.first_response_seconds) as first_responses,
    percentile_cont(0.25) within group (order by conversations.first_response_seconds::float)
        as first_response_seconds_q1,
    percentile_cont(0.5) within group (order by conversations.first_response_seconds::float)
        as first_response_seconds_median,
    percentile_cont(0.75) within group (order by conversations.first_response_seconds::float)
        as first_response_seconds_q3,
    percentile_cont(0.5) within group (order by conversations.resolution_seconds::float)
        as resolution_seconds_median,
    count(conversations.is_satisfied) as rated,
    sum(conversations.is_satisfied::integer) as satisfied
from days
left join conversations
    on days.vendor = conversations.vendor
    and days.known_channel = conversations.known_channel
    and days.day = conversations.day
group by days.vendor, days.known_channel, days.day
