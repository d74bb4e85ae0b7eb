-- Tickets that came through a messaging channel: the others have no messages in the log.
with tickets as (
    select
        *,
        lower(via ->> 'channel') as via_channel,
        status in ('solved', 'closed') as is_done
    from {{ ref('stg_zendesk_chat__tickets') }}
    where coalesce(from_messaging_channel, via ->> 'channel' in (
        'native_messaging', 'whatsapp', 'line', 'sms', 'instagram_dm', 'sunshine_conversations_api',
        'sunshine_conversations_facebook_messenger', 'sunshine_conversations_twitter_dm',
        'business_messaging_slack_connect', 'answer_bot_for_web_widget'
    ))
),

logs as (select distinct ticket_id from {{ ref('stg_zendesk_chat__conversation_log') }})

select
    tickets.id as vendor_conversation_id,
    'conversation' as conversation_type,
    tickets.via_channel as vendor_channel,
    {{ channel('tickets.via_channel', chat=['native_messaging', 'answer_bot_for_web_widget', 'chat']) }} as channel,
    case when tickets.submitter_id = tickets.requester_id then 'inbound' when tickets.submitter_id is not null then 'outbound' end
        as direction,
    tickets.status as vendor_status,
    case
        when tickets.is_done then 'closed'
        when tickets.status in ('new', 'open') then 'open'
        when tickets.status in ('pending', 'hold') then 'pending'
    end as status,
    tickets.subject,
    requesters.locale as language,
    null as country_code,
    tickets.group_id as team_id,
    groups."name" as team_name,
    tickets.requester_id as customer_id,
    requesters."name" as customer_name,
    requesters.email as customer_email,
    requesters.phone as customer_phone,
    tickets.assignee_id,
    assignees."name" as assignee_name,
    tickets.created_at,
    {{ moment("tickets.metric_set ->> 'initially_assigned_at'") }} as assigned_at,
    case when tickets.is_done then {{ moment("tickets.metric_set ->> 'solved_at'") }} end as closed_at,
    tickets.updated_at,
    tickets.is_done as is_resolved,
    case when tickets.support_type = 'ai_agent' then false end as was_handed_to_agent,
    cast(null as boolean) as is_missed,
    case when tickets.satisfaction_rating ->> 'score' in ('good', 'bad') then 'good_bad' end as satisfaction_scale,
    cast(null as numeric) as satisfaction_score,
    case tickets.satisfaction_rating ->> 'score' when 'good' then true when 'bad' then false end as is_satisfied,
    {{ number("tickets.metric_set -> 'reply_time_in_seconds' ->> 'calendar'") }} as vendor_first_response_seconds,
    tickets.tags,
    coalesce(tickets.status = 'deleted', false) as is_deleted,
    logs.ticket_id is not null as has_all_messages,
    tickets.loaded_at
from tickets
left join logs on tickets.id = logs.ticket_id
left join {{ ref('stg_zendesk_chat__groups') }} as groups on tickets.group_id = groups.id
left join {{ ref('stg_zendesk_chat__users') }} as requesters on tickets.requester_id = requesters.id
left join {{ ref('stg_zendesk_chat__users') }} as assignees on tickets.assignee_id = assignees.id
