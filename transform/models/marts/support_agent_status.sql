select
    'zendesk_chat:' || spans.agent_id || '@' || (extract(epoch from spans.start_time) * 1000000)::bigint as span_id,
    'zendesk_chat' as vendor,
    spans.agent_id,
    agents."name" as agent_name,
    case when spans.status = 'online' then 'available' else spans.status end as status,
    spans.status as vendor_status,
    spans.start_time as started_at,
    spans.start_time + make_interval(secs => spans.duration::float) as ended_at,
    spans.duration as duration_seconds,
    spans.engagement_count as open_conversations,
    spans.loaded_at
from {{ ref('stg_zendesk_chat__agent_timeline') }} as spans
left join {{ ref('int_zendesk_chat__agents') }} as agents on spans.agent_id = agents.id
