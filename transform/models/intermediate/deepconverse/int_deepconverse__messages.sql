with messages as (
    select
        *,
        case
            when "type" = 'UserInput' then 'customer'
            -- A guess: UserInput is the only type that the documents name.
            when "type" ilike '%agent%' or sender #>> '{}' ilike '%agent%' then 'agent'
            else 'bot'
        end as sender_type,
        case when "type" = 'UserInput' then "userInput" else coalesce("outMsg", "userInput") end as content
    from {{ ref('stg_deepconverse__messages') }}
)

select
    _id as vendor_message_id,
    "conversationId" as vendor_conversation_id,
    "time" as sent_at,
    0 as position,
    sender_type,
    case when sender_type = 'bot' then bot_name end as sender_id,
    case when sender_type = 'bot' then bot_name end as sender_name,
    {{ function('text_of_json') }}(content) as body_text,
    case when jsonb_typeof(content) in ('object', 'array') then 'structured' else 'text' end as message_type,
    false as is_internal,
    cast(null as jsonb) as attachments,
    cast(null as numeric) as duration_seconds,
    loaded_at
from messages
