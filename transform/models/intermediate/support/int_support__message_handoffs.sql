-- Somebody else answers than the one before.
with answers as (
    select
        *,
        lag(sender_type) over conversation as previous_type,
        lag(sender_id) over conversation as previous_id,
        lag(sender_name) over conversation as previous_name
    from {{ ref('support_messages') }}
    where sender_type in ('agent', 'bot') and not is_internal
    window conversation as (partition by conversation_id order by message_number)
)

select
    vendor,
    vendor_conversation_id,
    sent_at as handed_at,
    previous_type || '_to_' || sender_type as kind,
    previous_id as from_id,
    previous_name as from_name,
    sender_id as to_id,
    sender_name as to_name,
    'messages' as evidence
from answers
where sender_type = 'agent' and (previous_type = 'bot' or previous_id <> sender_id)
