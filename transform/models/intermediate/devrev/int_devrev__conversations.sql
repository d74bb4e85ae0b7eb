with conversations as (
    select
        *,
        cast(stage -> 'state' ->> 'is_final' as boolean) as is_final,
        case
            when created_by ->> 'type' = 'rev_user' then created_by
            else jsonb_path_query_first(members, '$[*] ? (@.type == "rev_user")')
        end as customer,
        owned_by -> 0 as owner,
        (
            select {{ number("metric ->> 'completed_in_seconds'") }}
            from {{ elements("sla_summary -> 'sla_tracker' -> 'metric_target_summaries'") }} as metric
            where metric -> 'metric_definition' ->> 'name' ilike '{{ var('devrev_first_response_metric') }}'
            limit 1
        ) as first_response_seconds
    from {{ ref('stg_devrev__conversations') }}
),

threads as (select distinct "object" from {{ ref('stg_devrev__conversation_timeline_entries') }})

select
    id as vendor_conversation_id,
    'conversation' as conversation_type,
    source_channel as vendor_channel,
    {{ channel('source_channel', chat=['plug'], email=['email']) }} as channel,
    case created_by ->> 'type' when 'rev_user' then 'inbound' when 'dev_user' then 'outbound' end as direction,
    stage -> 'state' ->> 'name' as vendor_status,
    case
        when is_final then 'closed'
        when stage -> 'state' ->> 'name' = 'open' then 'open'
        when stage -> 'state' ->> 'name' is not null then 'pending'
    end as status,
    coalesce(title, description) as subject,
    null as language,
    null as country_code,
    "group" ->> 'id' as team_id,
    "group" ->> 'name' as team_name,
    customer ->> 'id' as customer_id,
    coalesce(customer ->> 'full_name', customer ->> 'display_name') as customer_name,
    customer ->> 'email' as customer_email,
    null as customer_phone,
    owner ->> 'id' as assignee_id,
    coalesce(owner ->> 'full_name', owner ->> 'display_name') as assignee_name,
    created_date as created_at,
    cast(null as timestamptz) as assigned_at,
    case when is_final then actual_close_date end as closed_at,
    modified_date as updated_at,
    is_final as is_resolved,
    cast(null as boolean) as was_handed_to_agent,
    cast(null as boolean) as is_missed,
    null as satisfaction_scale,
    cast(null as numeric) as satisfaction_score,
    cast(null as boolean) as is_satisfied,
    first_response_seconds as vendor_first_response_seconds,
    jsonb_path_query_array(tags, '$[*].tag.name') as tags,
    false as is_deleted,
    -- The export has the latest messages alone.
    threads."object" is not null as has_all_messages,
    loaded_at
from conversations
left join threads on conversations.id = threads."object"
