with named as (
    select conversation_id, vendor, 'customer' as role, customer_id as person_id, customer_name as person_name
    from {{ ref('support_conversations') }}
    where customer_id is not null or customer_name is not null

    union all

    select conversation_id, vendor, 'agent', assignee_id, assignee_name
    from {{ ref('support_conversations') }}
    where assignee_id is not null or assignee_name is not null
),

people as (
    select conversation_id, vendor, role, person_id, person_name, null as sent_at from named
    union all
    select conversation_id, vendor, sender_type, sender_id, sender_name, sent_at
    from {{ ref('support_messages') }}
    where sender_type in ('customer', 'agent', 'bot')
)

select
    md5(jsonb_build_array(conversation_id, role, coalesce(person_id, person_name))::text) as participant_id,
    conversation_id,
    vendor,
    role,
    max(person_id) as person_id,
    max(person_name) as person_name,
    count(sent_at) as message_count,
    min(sent_at) as first_message_at,
    max(sent_at) as last_message_at
from people
group by conversation_id, vendor, role, coalesce(person_id, person_name)
