with conversations as (
    select
        *,
        coalesce(rating ->> 'score', cast(rating_score as text)) as satisfaction_score,
        lower(rating ->> 'scale') as satisfaction_scale
    from {{ ref('stg_dixa__conversations') }}
    left join lateral (
        select jsonb_build_object('score', each ->> 'rating_score', 'scale', each ->> 'rating_type') as rating
        from {{ elements('ratings') }} as each
        where each ->> 'rating_score' is not null
        order by coalesce(each ->> 'rating_rated_timestamp', each ->> 'rating_created_timestamp') desc nulls last
        limit 1
    ) as newest_rating on true
)

select
    id as vendor_conversation_id,
    'conversation' as conversation_type,
    initial_channel as vendor_channel,
    {{ channel(
        'initial_channel',
        chat=['widgetchat', 'messenger'],
        email=['email'],
        phone=['pstnPhone', 'voicemail', 'callback'],
        form=['contactForm'],
    ) }} as channel,
    lower(direction) as direction,
    status as vendor_status,
    case when lower(status) in ('closed', 'open') then lower(status) when status is not null then 'pending' end
        as status,
    subject,
    (
        select each ->> 'rating_language' from {{ elements('ratings') }} as each
        where each ->> 'rating_language' is not null limit 1
    ) as language,
    originating_country as country_code,
    queue_id as team_id,
    queue_name as team_name,
    requester_id as customer_id,
    requester_name as customer_name,
    requester_email as customer_email,
    requester_phone_number as customer_phone,
    assignee_id,
    assignee_name,
    created_at,
    assigned_at,
    closed_at,
    updated_at,
    closed_at is not null as is_resolved,
    cast(null as boolean) as was_handed_to_agent,
    -- A guess: nobody was given the call, and it is over.
    case when initial_channel = 'pstnPhone' and lower(direction) = 'inbound' and closed_at is not null
        then assigned_at is null end as is_missed,
    satisfaction_scale,
    {{ number('satisfaction_score') }} as satisfaction_score,
    case when satisfaction_scale in ('csat', 'stars') then {{ number('satisfaction_score') }} >= 4 end
        as is_satisfied,
    cast(null as numeric) as vendor_first_response_seconds,
    tags,
    false as is_deleted,
    {{ is_loaded('tap_dixa', 'messages') }} as has_all_messages,
    loaded_at
from conversations
