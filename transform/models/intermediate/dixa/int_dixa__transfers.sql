-- Calls that were put through; the export knows the last one of each.
select
    id as vendor_conversation_id,
    -- Milliseconds; undocumented, so seconds are told by their size.
    to_timestamp(transfer_time / case when transfer_time > 1e11 then 1000 else 1 end) as handed_at,
    'phone_transfer' as kind,
    null as from_id,
    null as from_name,
    null as to_id,
    transferee_name as to_name,
    'field' as evidence
from {{ ref('stg_dixa__conversations') }}
where transferee_name is not null or transfer_time is not null
