{%- set limit = var('transcript_chunk_tokens') -%}
-- A token is counted as four bytes, which is kind to scripts whose characters have three. Lines are
-- cut into pieces of a quarter of a chunk, and a chunk takes pieces until it is three quarters full:
-- so none is too long, and nothing is left out.
with lines as materialized ( -- redacted once, not for each use of a line
    select
        conversation_id,
        vendor,
        message_number,
        {% set redact = function('redact') -%}
        to_char(sent_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI ')
        || initcap(coalesce(sender_type, 'unknown'))
        || coalesce(' (' || {{ redacted('sender_name', redact) }} || ')', '')
        || case when is_internal then ' [internal]' else '' end
        || ': '
        || coalesce({{ redacted('body_text', redact) }}, '[' || message_type || ' without text]')
        || e'\n' as line
    from {{ ref('support_messages') }}
    where sent_at is not null
),

pieces as (
    select
        lines.conversation_id,
        lines.vendor,
        lines.message_number,
        place,
        substr(lines.line, place, {{ limit // 4 }}) as piece
    from lines
    cross join lateral generate_series(1, length(lines.line), {{ limit // 4 }}) as place
),

counted as (
    select
        *,
        octet_length(piece) / 4.0 as tokens,
        sum(octet_length(piece) / 4.0) over (
            partition by conversation_id order by message_number, place
            rows between unbounded preceding and 1 preceding
        ) as tokens_before
    from pieces
),

chunks as (
    select *, floor(coalesce(tokens_before, 0) / {{ limit * 3 // 4 }})::integer as chunk_index from counted
)

select
    conversation_id || '#' || chunk_index as transcript_id,
    conversation_id,
    vendor,
    chunk_index,
    string_agg(piece, '' order by message_number, place) as transcript,
    ceil(sum(tokens))::integer as estimated_tokens,
    min(message_number) as first_message_number,
    max(message_number) as last_message_number,
    {{ var('redact_transcripts') }} as is_redacted
from chunks
group by conversation_id, vendor, chunk_index
