select
    events.chat_id as vendor_conversation_id,
    events."timestamp" as handed_at,
    'department_transfer' as kind,
    events.prev_department_id as from_id,
    before."name" as from_name,
    events.department_id as to_id,
    coalesce(after."name", events.department_name) as to_name,
    'event' as evidence
from {{ ref('int_zendesk_chat__events') }} as events
left join {{ ref('stg_zendesk_chat__departments') }} as before on events.prev_department_id = before.id
left join {{ ref('stg_zendesk_chat__departments') }} as after on events.department_id = after.id
where events."type" = 'chat.transfer'
