-- The export tells an author's name and e-mail address, and no id: the activity log does.
with authors as (
    select distinct on (attributes ->> 'messageId') attributes ->> 'messageId' as message_id, author ->> 'id' as id
    from {{ ref('stg_dixa__activity_logs') }}
    where "_type" in ('MessageAddedByAgent', 'MessageAddedByCustomer')
    order by attributes ->> 'messageId', "activityTimestamp"
),

agents as (
    select distinct on (lower(email)) lower(email) as email, id
    from {{ ref('stg_dixa__agents') }}
    where email is not null
    order by lower(email), id
),

messages as (
    select
        messages.*,
        conversations.requester_id,
        lower(messages.author_email) = lower(conversations.requester_email) as is_requester,
        case
            when lower(messages.direction) = 'inbound' then 'customer'
            -- Auto-replies and menus: not somebody who answers, and no bot that talks either.
            when messages.is_automated_message then 'system'
            when messages.direction is not null then 'agent'
        end as sender_type
    from {{ ref('stg_dixa__messages') }} as messages
    left join {{ ref('stg_dixa__conversations') }} as conversations on messages.csid = conversations.id
)

select
    messages.id as vendor_message_id,
    messages.csid as vendor_conversation_id,
    messages.created_at as sent_at,
    0 as position,
    messages.sender_type,
    case
        when messages.sender_type <> 'system' and authors.id is not null then authors.id
        when messages.sender_type = 'customer' and messages.is_requester then messages.requester_id
        when messages.sender_type = 'agent' and agents.id is not null then agents.id
        else coalesce(lower(messages.author_email), messages.author_name)
    end as sender_id,
    messages.author_name as sender_name,
    coalesce(
        {{ function('text_of_html') }}(messages."text"), {{ function('text_of_json') }}(messages.form_submission)
    ) as body_text,
    case
        when messages.voicemail_url is not null then 'voicemail'
        when messages.recording_url is not null or messages.initial_channel = 'pstnPhone' then 'call'
        when messages.form_submission is not null then 'form'
        else 'text'
    end as message_type,
    false as is_internal,
    nullif(
        coalesce(messages.attached_files, '[]')
        || to_jsonb(array_remove(array[messages.recording_url, messages.voicemail_url], null)),
        '[]'
    ) as attachments,
    messages.duration as duration_seconds,
    messages.loaded_at
from messages
left join authors on messages.id = authors.message_id
left join agents on lower(messages.author_email) = agents.email

union all

select
    'note:' || notes.id,
    notes.conversation_id,
    notes."createdAt",
    0,
    'agent',
    notes."authorId",
    agents."displayName",
    notes.message,
    'text',
    true,
    null,
    null,
    notes.loaded_at
from {{ ref('stg_dixa__conversation_notes') }} as notes
left join {{ ref('stg_dixa__agents') }} as agents on notes."authorId" = agents.id
