with handoffs as (
    select * from {{ ref('int_support__message_handoffs') }}

    union all

    {{ union_vendors('transfers', vendors=['dixa', 'zendesk_chat']) }}

    union all

    -- The bot handed over, and what people wrote then is not among the messages.
    select vendor, vendor_conversation_id, null, 'bot_to_agent', team_id, team_name, null, null, 'tag'
    from {{ ref('support_conversations') }}
    where was_handed_to_agent and coalesce(agent_message_count, 0) = 0
)

select
    md5(to_jsonb(handoffs)::text) as handoff_id,
    vendor || ':' || vendor_conversation_id as conversation_id,
    vendor,
    kind,
    handed_at,
    from_id,
    from_name,
    to_id,
    to_name,
    evidence
from handoffs
