-- Of each conversation the latest messages.
with entries as (
    select conversations.id as conversation_id, entry.value as entry, entry.place, conversations.loaded_at
    from {{ ref('stg_devrev__conversations') }} as conversations
    cross join lateral {{ elements('conversations.messages') }} with ordinality as entry (value, place)
    where entry.value ->> 'type' = 'timeline_comment'
)

select
    entry ->> 'id' as vendor_message_id,
    conversation_id as vendor_conversation_id,
    {{ moment("entry ->> 'created_date'") }} as sent_at,
    place::integer as position,
    case entry -> 'created_by' ->> 'type'
        when 'rev_user' then 'customer'
        when 'dev_user' then 'agent'
        when 'service_account' then 'bot'
        when 'sys_user' then 'system'
    end as sender_type,
    entry -> 'created_by' ->> 'id' as sender_id,
    coalesce(entry -> 'created_by' ->> 'full_name', entry -> 'created_by' ->> 'display_name') as sender_name,
    -- A comment that was deleted has lost its body.
    coalesce(entry ->> 'body', entry -> 'snap_widget_body' -> 0 ->> 'text_body') as body_text,
    case when entry ->> 'body' is null and entry ->> 'body_type' <> 'text' then 'structured' else 'text' end
        as message_type,
    coalesce(entry ->> 'visibility' in ('internal', 'private'), false) as is_internal,
    nullif(jsonb_path_query_array(entry -> 'artifacts', '$[*].id'), '[]') as attachments,
    cast(null as numeric) as duration_seconds,
    loaded_at
from entries
