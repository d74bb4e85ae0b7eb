-- Events of chats: from the stream of their own, and from the chats themselves where it has none.
with chats as (select * from {{ ref('stg_zendesk_chat__chats') }}),

loaded as (select * from {{ ref('stg_zendesk_chat__chat_history') }}),

nested as (
    select
        chats.id as chat_id,
        event.place - 1 as position,
        event.value ->> 'type' as "type",
        {{ moment("event.value ->> 'timestamp'") }} as "timestamp",
        event.value ->> 'name' as "name",
        event.value ->> 'nick' as nick,
        event.value ->> 'sender_type' as sender_type,
        event.value ->> 'agent_id' as agent_id,
        event.value ->> 'msg' as msg,
        nullif(event.value -> 'attachment', 'null') as attachment,
        event.value ->> 'department_id' as department_id,
        event.value ->> 'department_name' as department_name,
        event.value ->> 'prev_department_id' as prev_department_id,
        chats.loaded_at
    from chats
    cross join lateral {{ elements('chats.history') }} with ordinality as event (value, place)
    where not exists (select from loaded where loaded.chat_id = chats.id)
)

select * from loaded
union all
select * from nested
