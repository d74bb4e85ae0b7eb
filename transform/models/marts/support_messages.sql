with messages as ({{ union_vendors('messages') }})

select
    vendor || ':' || vendor_message_id as message_id,
    vendor || ':' || vendor_conversation_id as conversation_id,
    vendor,
    vendor_message_id,
    vendor_conversation_id,
    row_number() over (
        partition by vendor, vendor_conversation_id order by sent_at, position, vendor_message_id
    ) as message_number,
    sent_at,
    sender_type,
    sender_id,
    sender_name,
    body_text,
    message_type,
    is_internal,
    attachments,
    duration_seconds,
    loaded_at
from messages
