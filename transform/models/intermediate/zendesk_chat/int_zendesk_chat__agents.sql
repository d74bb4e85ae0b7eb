-- Names of agents: from the list of them, else as their chats call them.
with named as (
    select id, display_name as "name", 1 as rank, null::timestamptz as named_at
    from {{ ref('stg_zendesk_chat__agents') }}
    where display_name is not null

    union all

    select
        engagement ->> 'agent_id',
        coalesce(engagement ->> 'agent_full_name', engagement ->> 'agent_name'),
        2,
        chats.update_timestamp
    from {{ ref('stg_zendesk_chat__chats') }} as chats
    cross join lateral {{ elements('chats.engagements') }} as engagement
    where coalesce(engagement ->> 'agent_full_name', engagement ->> 'agent_name') is not null
)

select distinct on (id) id, "name"
from named
where id is not null
order by id, rank, named_at desc
