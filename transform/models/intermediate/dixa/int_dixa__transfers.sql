-- From the activity log; and calls that were put through, of which the export knows the last one.
with events as (
    select
        *,
        attributes ->> 'agentId' as agent_id,
        attributes ->> 'agentName' as agent_name,
        lag(attributes ->> 'agentId') over history as previous_id,
        lag(attributes ->> 'agentName') over history as previous_name
    from {{ ref('stg_dixa__activity_logs') }}
    where "_type" in ('ConversationAssigned', 'TransferSuccessful')
    window history as (partition by "conversationId", "_type" order by "activityTimestamp", id)
)

select
    "conversationId" as vendor_conversation_id,
    "activityTimestamp" as handed_at,
    'agent_to_agent' as kind,
    previous_id as from_id,
    previous_name as from_name,
    agent_id as to_id,
    agent_name as to_name,
    'event' as evidence
from events
where "_type" = 'ConversationAssigned' and agent_id <> previous_id

union all

select
    "conversationId",
    "activityTimestamp",
    -- A guess: the document lists no kinds of destinations.
    case when attributes ->> 'destinationType' ilike '%queue%' then 'department_transfer' else 'transfer' end,
    null,
    null,
    attributes ->> 'destinationId',
    attributes ->> 'destinationLabel',
    'event'
from events
where "_type" = 'TransferSuccessful'

union all

select
    id,
    -- Milliseconds; undocumented, so seconds are told by their size.
    to_timestamp(transfer_time / case when transfer_time > 1e11 then 1000 else 1 end),
    'phone_transfer',
    null,
    null,
    null,
    transferee_name,
    'field'
from {{ ref('stg_dixa__conversations') }}
where transferee_name is not null or transfer_time is not null
