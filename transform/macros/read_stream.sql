{#
    Reads a table that target-postgres has loaded, with the columns and kinds that are asked for.

    All that is known of how the target stores things is here: date-times stand in columns without
    a time zone, an absent object is a JSON null, a list of objects is an array of jsonb. A table or
    a column that is not there is null, and the log says so: no vendor, stream or field has to be
    loaded.
#}
{% macro read_stream(tap, stream, columns) %}
    {#- Outside of any `if`: dbt would record no dependency on the source. -#}
    {%- set table = loaded_table(source(tap, stream)) -%}
    {%- set present = columns_of(table) -%}
    {%- set absent = columns.keys() | reject('in', present) | list -%}
    {%- if execute and table is none -%}
        {%- do log(tap ~ '.' ~ stream ~ ' is not loaded: what it would tell stays empty', info=true) -%}
    {%- elif execute and absent -%}
        {%- do log(tap ~ '.' ~ stream ~ ' has no ' ~ absent | join(', ') ~ ': empty', info=true) -%}
    {%- endif -%}
    select
        {% for name, kind in columns.items() -%}
        {{ as_kind(adapter.quote(name), kind, present.get(name)) }} as {{ adapter.quote(name) }},
        {% endfor -%}
        {{ as_kind('_sdc_received_at', 'time', present.get('_sdc_received_at')) }} as loaded_at
    {% if table is none %}where false{% else %}from {{ table }}{% endif %}
{%- endmacro %}


{% macro as_kind(column, kind, found) %}
    {%- set types = {
        'text': 'text', 'time': 'timestamptz', 'json': 'jsonb', 'number': 'numeric', 'flag': 'boolean'
    } -%}
    {%- if not found -%} cast(null as {{ types[kind] }})
    {%- elif kind == 'time' and found == 'timestamp without time zone' -%} {{ column }} at time zone 'UTC'
    {%- elif kind == 'json' -%} nullif(to_jsonb({{ column }}), 'null')
    {%- elif kind == 'text' and found == 'jsonb' -%} {{ column }} #>> '{}'
    {%- else -%} cast({{ column }} as {{ types[kind] }})
    {%- endif -%}
{% endmacro %}


{# Whether a stream, or a column of it, is loaded: `true` or `false`, as SQL. #}
{% macro is_loaded(tap, stream, column=none) %}
    {%- set table = loaded_table(source(tap, stream)) -%}
    {{- table is not none and (column is none or column in columns_of(table)) -}}
{% endmacro %}


{% macro loaded_table(declared) %}
    {%- do return(load_relation(declared) if execute else none) -%}
{% endmacro %}


{# Types of a table's columns, by name. #}
{% macro columns_of(table) %}
    {%- set types = {} -%}
    {%- if table is not none -%}
        {%- for column in adapter.get_columns_in_relation(table) -%}
            {%- do types.update({column.name: column.data_type | lower}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(types) -%}
{% endmacro %}
