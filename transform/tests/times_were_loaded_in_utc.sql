-- The target's columns have no time zone: a session in another one stores shifted times, and nothing
-- shows it but the loader's clock, which it writes beside them in milliseconds.
with moments as (
    select null::text as stream, null::timestamp as received_at, null::bigint as clock where false
    {% for node in graph.sources.values() if execute -%}
    {%- set table = load_relation(source(node.source_name, node.name)) -%}
    {%- set columns = columns_of(table) -%}
    {%- if '_sdc_sequence' in columns and '_sdc_received_at' in columns %}
    union all
    (
        select '{{ node.source_name }}.{{ node.name }}', _sdc_received_at::timestamp, _sdc_sequence::bigint
        from {{ table }} limit 1000
    )
    {%- endif -%}
    {%- endfor %}
)

select distinct stream
from moments
where abs(extract(epoch from received_at) - clock / 1000.0) > 600
