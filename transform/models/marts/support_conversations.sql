with conversations as (
    select *, vendor || ':' || vendor_conversation_id as conversation_id
    from {{ ref('int_support__conversations') }}
),

-- Totals of a part of the messages would be wrong: where not all are loaded there are none.
joined as (
    select
        conversations.*,
        totals.first_customer_message_at,
        totals.first_agent_reply_at,
        totals.first_bot_reply_at,
        totals.last_message_at,
        case when has_all_messages then coalesce(totals.message_count, 0) end as message_count,
        case when has_all_messages then coalesce(totals.customer_message_count, 0) end as customer_message_count,
        case when has_all_messages then coalesce(totals.agent_message_count, 0) end as agent_message_count,
        case when has_all_messages then coalesce(totals.bot_message_count, 0) end as bot_message_count
    from conversations
    left join {{ ref('int_support__message_totals') }} as totals
        on conversations.conversation_id = totals.conversation_id and conversations.has_all_messages
)

select
    conversation_id,
    vendor,
    vendor_conversation_id,
    conversation_type,
    channel,
    vendor_channel,
    direction,
    status,
    vendor_status,
    subject,
    language,
    country_code,
    tags,
    team_id,
    team_name,
    customer_id,
    customer_name,
    customer_email,
    customer_phone,
    assignee_id,
    assignee_name,
    created_at,
    assigned_at,
    closed_at,
    updated_at,
    is_resolved,
    is_missed,
    is_deleted,
    was_handed_to_agent,
    case
        when not has_all_messages then null
        when was_handed_to_agent or agent_message_count > 0 or (channel = 'phone' and assignee_id is not null)
            then case when bot_message_count > 0 then 'bot_and_agent' else 'agent' end
        when bot_message_count > 0 then 'bot'
        else 'nobody'
    end as handled_by,
    satisfaction_scale,
    satisfaction_score,
    is_satisfied,
    first_customer_message_at,
    first_agent_reply_at,
    first_bot_reply_at,
    last_message_at,
    coalesce(vendor_first_response_seconds, extract(epoch from first_agent_reply_at - first_customer_message_at))
        as first_response_seconds,
    case
        when vendor_first_response_seconds is not null then 'vendor'
        when first_agent_reply_at is not null then 'messages'
    end as first_response_source,
    extract(epoch from closed_at - created_at) as duration_seconds,
    case when is_resolved then extract(epoch from closed_at - created_at) end as resolution_seconds,
    has_all_messages,
    message_count,
    customer_message_count,
    agent_message_count,
    bot_message_count,
    loaded_at
from joined
