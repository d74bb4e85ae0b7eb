{# Rows of a JSON list; of anything else none. #}
{% macro elements(list) -%}
    jsonb_array_elements(case when jsonb_typeof({{ list }}) = 'array' then {{ list }} end)
{%- endmacro %}


{# A moment that stands inside JSON: null rather than a failed build where it is none. #}
{% macro moment(text) -%}
    case when {{ text }} ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$'
        then cast({{ text }} as timestamptz) end
{%- endmacro %}


{# A number that stands inside JSON. #}
{% macro number(text) -%}
    case when {{ text }} ~ '^-?\d+(\.\d+)?$' then cast({{ text }} as numeric) end
{%- endmacro %}
