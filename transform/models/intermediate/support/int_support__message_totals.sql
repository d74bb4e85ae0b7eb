-- What customers have seen of each conversation.
with messages as (
    select
        *,
        min(sent_at) filter (where sender_type = 'customer') over (partition by conversation_id)
            as first_customer_message_at
    from {{ ref('support_messages') }}
    where not is_internal
)

select
    conversation_id,
    first_customer_message_at,
    min(sent_at) filter (where sender_type = 'agent' and sent_at >= first_customer_message_at) as first_agent_reply_at,
    min(sent_at) filter (where sender_type = 'bot' and sent_at >= first_customer_message_at) as first_bot_reply_at,
    max(sent_at) as last_message_at,
    count(*) as message_count,
    count(*) filter (where sender_type = 'customer') as customer_message_count,
    count(*) filter (where sender_type = 'agent') as agent_message_count,
    count(*) filter (where sender_type = 'bot') as bot_message_count
from messages
group by conversation_id, first_customer_message_at
