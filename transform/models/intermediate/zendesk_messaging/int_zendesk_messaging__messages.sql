-- A comment can mirror a message: what has the same reference is the same.
with events as (
    select distinct on (ticket_id, coalesce(reference, id))
        *,
        coalesce(received_at, created_at) as sent_at,
        coalesce(metadata ->> 'public' = 'false', false) as is_internal,
        lower(author ->> 'type') as author_type
    from {{ ref('stg_zendesk_chat__conversation_log') }}
    where "type" in ('Messaging::ConversationMessage', 'Comment')
    order by ticket_id, coalesce(reference, id), id
)

select
    ticket_id || '#' || id as vendor_message_id,
    ticket_id as vendor_conversation_id,
    sent_at,
    0 as position,
    case
        when author_type = 'agent' then 'agent'
        when author_type in ('bot', 'business') then 'bot'
        -- A guess: customers write no internal notes; such a one tells of the handover.
        when author_type in ('user', 'end-user', 'end_user', 'customer') and not is_internal then 'customer'
        when author_type is not null then 'system'
    end as sender_type,
    -- Bots have the id -1.
    coalesce(nullif(author ->> 'zen:support:user_id', '-1'), author ->> 'zen:sunco:user_id') as sender_id,
    author ->> 'display_name' as sender_name,
    coalesce(
        content ->> 'text',
        {{ function('text_of_html') }}(content ->> 'body'),
        content ->> 'markdownText',
        content ->> 'textFallback',
        content ->> 'altText',
        content ->> 'alt_text',
        attachments -> 0 ->> 'file_name'
    ) as body_text,
    case
        when content ->> 'type' in ('text', 'html') then 'text'
        when content ->> 'type' in ('image', 'file') then 'file'
        else 'structured'
    end as message_type,
    is_internal,
    nullif(
        coalesce(jsonb_path_query_array(attachments, '$[*].content_url'), '[]')
        || coalesce(jsonb_path_query_array(content, '$.mediaUrl'), '[]'),
        '[]'
    ) as attachments,
    cast(null as numeric) as duration_seconds,
    loaded_at
from events
