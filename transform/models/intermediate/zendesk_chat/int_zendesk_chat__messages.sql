with chats as (select * from {{ ref('stg_zendesk_chat__chats') }}),

events as (select * from {{ ref('int_zendesk_chat__events') }}),

-- A file names its sender and does not say who that is. A visitor and an agent can share a name:
-- one that a visitor bears in this chat is the visitor's.
visitors as (
    select distinct chat_id, "name"
    from events
    where lower(sender_type) = 'visitor' or nick like 'visitor%'
),

said as (
    select
        events.chat_id,
        events.position,
        events."timestamp" as sent_at,
        coalesce(
            lower(events.sender_type),
            nullif(split_part(events.nick, ':', 1), ''),
            case
                when events.agent_id is not null then 'agent'
                when visitors."name" is not null then 'visitor'
                when chats.agent_names ? events."name" then 'agent'
            end
        ) as sender,
        coalesce(
            events.agent_id,
            case when chats.agent_names ->> -1 = events."name" then chats.agent_ids ->> -1 end
        ) as agent_id,
        chats.visitor ->> 'id' as visitor_id,
        nullif(events."name", '') as sender_name,
        coalesce(events.msg, events.attachment ->> 'name') as body_text,
        case when events."type" = 'chat.file' then 'file' else 'text' end as message_type,
        events.attachment,
        events.loaded_at
    from events
    left join chats on events.chat_id = chats.id
    left join visitors on events.chat_id = visitors.chat_id and events."name" = visitors."name"
    where events."type" in ('chat.msg', 'chat.file')

    union all

    select
        id, 0, "timestamp", 'visitor', null, visitor ->> 'id', nullif(visitor ->> 'name', ''), message, 'offline',
        null, loaded_at
    from chats
    where "type" = 'offline_msg'
),

known as (
    select
        *,
        case
            when agent_id in ('{{ var('bot_agent_ids') | join("', '") }}') then 'bot'
            when sender = 'visitor' then 'customer'
            when sender = 'agent' then 'agent'
            when sender is not null then 'system'
        end as sender_type
    from said
)

select
    chat_id || '#' || position as vendor_message_id,
    chat_id as vendor_conversation_id,
    sent_at,
    position::integer as position,
    sender_type,
    case when sender_type = 'customer' then visitor_id when sender_type in ('agent', 'bot') then agent_id end
        as sender_id,
    sender_name,
    body_text,
    message_type,
    false as is_internal,
    case when attachment ->> 'url' is not null then jsonb_build_array(attachment ->> 'url') end as attachments,
    cast(null as numeric) as duration_seconds,
    loaded_at
from known
