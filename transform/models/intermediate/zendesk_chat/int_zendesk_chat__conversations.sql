with chats as (
    select
        *,
        visitor ->> 'id' as visitor_id,
        "type" = 'offline_msg' as is_offline_message,
        {{ moment("engagements -> 0 ->> 'timestamp'") }} as first_engaged_at
    from {{ ref('stg_zendesk_chat__chats') }}
)

select
    chats.id as vendor_conversation_id,
    case when chats.is_offline_message then 'offline_message' else 'conversation' end as conversation_type,
    chats."type" as vendor_channel,
    'chat' as channel,
    case when chats.started_by = 'agent' then 'outbound' else 'inbound' end as direction,
    null as vendor_status,
    case when not chats.is_offline_message then 'closed' end as status,
    null as subject,
    null as language,
    nullif(chats.session ->> 'country_code', '') as country_code,
    chats.department_id as team_id,
    coalesce(departments."name", chats.department_name) as team_name,
    chats.visitor_id as customer_id,
    nullif(chats.visitor ->> 'name', '') as customer_name,
    nullif(chats.visitor ->> 'email', '') as customer_email,
    nullif(chats.visitor ->> 'phone', '') as customer_phone,
    chats.agent_ids ->> -1 as assignee_id,
    coalesce(agents."name", chats.agent_names ->> -1) as assignee_name,
    chats."timestamp" as created_at,
    chats.first_engaged_at as assigned_at,
    case when not chats.is_offline_message
        then coalesce(chats.end_timestamp, chats."timestamp" + make_interval(secs => chats.duration::float)) end
        as closed_at,
    chats.update_timestamp as updated_at,
    cast(null as boolean) as is_resolved,
    cast(null as boolean) as was_handed_to_agent,
    case when not chats.is_offline_message then chats.missed end as is_missed,
    case when chats.rating is not null then 'good_bad' end as satisfaction_scale,
    cast(null as numeric) as satisfaction_score,
    case chats.rating when 'good' then true when 'bad' then false end as is_satisfied,
    {{ number("chats.response_time ->> 'first'") }} as vendor_first_response_seconds,
    chats.tags,
    coalesce(chats.deleted, false) as is_deleted,
    {{ is_loaded('tap_zendesk_chat', 'chats', 'history') }}
    or {{ is_loaded('tap_zendesk_chat', 'chat_history') }} as has_all_messages,
    chats.loaded_at
from chats
left join {{ ref('stg_zendesk_chat__departments') }} as departments on chats.department_id = departments.id
left join {{ ref('int_zendesk_chat__agents') }} as agents on chats.agent_ids ->> -1 = agents.id
