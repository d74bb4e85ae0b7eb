select
    id as vendor_message_id,
    conversation_id as vendor_conversation_id,
    created_date as sent_at,
    0 as position,
    case created_by ->> 'type'
        when 'rev_user' then 'customer'
        when 'dev_user' then 'agent'
        when 'service_account' then 'bot'
        when 'sys_user' then 'system'
    end as sender_type,
    created_by ->> 'id' as sender_id,
    coalesce(created_by ->> 'full_name', created_by ->> 'display_name') as sender_name,
    -- A comment that was deleted has lost its body.
    coalesce(body, snap_widget_body -> 0 ->> 'text_body') as body_text,
    case when body is null and body_type <> 'text' then 'structured' else 'text' end as message_type,
    coalesce(visibility in ('internal', 'private'), false) as is_internal,
    nullif(jsonb_path_query_array(artifacts, '$[*].id'), '[]') as attachments,
    cast(null as numeric) as duration_seconds,
    loaded_at
from {{ ref('int_devrev__entries') }}
where "type" = 'timeline_comment'
