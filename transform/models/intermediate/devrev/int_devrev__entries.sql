-- Comments: from the stream of whole threads, and the latest that conversations carry. The newer
-- copy of one counts.
with entries as (
    select
        id,
        "object" as conversation_id,
        "type",
        created_by,
        created_date,
        modified_date,
        visibility,
        body,
        body_type,
        snap_widget_body,
        artifacts,
        true as is_of_whole_thread,
        loaded_at
    from {{ ref('stg_devrev__conversation_timeline_entries') }}

    union all

    select
        entry ->> 'id',
        conversations.id,
        entry ->> 'type',
        entry -> 'created_by',
        {{ moment("entry ->> 'created_date'") }},
        {{ moment("entry ->> 'modified_date'") }},
        entry ->> 'visibility',
        entry ->> 'body',
        entry ->> 'body_type',
        entry -> 'snap_widget_body',
        entry -> 'artifacts',
        false,
        conversations.loaded_at
    from {{ ref('stg_devrev__conversations') }} as conversations
    cross join lateral {{ elements('conversations.messages') }} as entry
)

select distinct on (id)
    *,
    bool_or(is_of_whole_thread) over (partition by conversation_id) as has_whole_thread
from entries
order by id, modified_date desc nulls last, is_of_whole_thread desc
