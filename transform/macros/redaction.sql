{# The regular expression of something personal. #}
{% macro personal(what) -%}
    {%- set start = '(?<![[:alnum:]])' -%}
    {%- set digit, hex, byte = '[0-9]', '[0-9A-Fa-f]{1,4}', '(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])' -%}
    {%- set patterns = {
        'email': '[^[:space:]@<>"(),:;]+@[^[:space:]@<>"(),:;]+[.][[:alpha:]]{2,}',
        'iban': start ~ '[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![[:alnum:]])',
        'card': start ~ '[2-6](?:[ -]?[0-9]){12,18}(?![0-9])',
        'ip': '(?<![[:alnum:].:])(?:'
            ~ '(?:' ~ byte ~ '[.]){3}' ~ byte ~ '(?![[:alnum:]]|[.][0-9])'
            ~ '|(?:' ~ hex ~ ':){7}' ~ hex ~ '(?![[:alnum:]:])'
            ~ '|(?:' ~ hex ~ ':){1,6}(?::' ~ hex ~ '){1,6}(?![[:alnum:]:]))',
        'phone': start ~ '(?:'
            ~ '(?:[+]|00)[1-9](?:[ ()./-]{0,2}[0-9]){6,14}'
            ~ '|[(][0-9]{2,5}[)][ -]?[0-9]{2,4}(?:[ -]?[0-9]{2,4}){1,3}'
            ~ '|[0-9]{3}[-. ][0-9]{3}[-. ][0-9]{4}'
            ~ '|0[0-9]{1,4}[ /][0-9]{2,4}(?: ?[0-9]{2,4}){1,3})(?![[:alnum:]])',
    } -%}
    {{- patterns[what] -}}
{%- endmacro %}


{# A text in which what matches the pattern and passes the check is replaced, and all else stays. #}
{% macro replace_checked(body, pattern, check, label) -%} (
    select string_agg(
        part || case when {{ check }}(hit[1]) then '{{ label }}' else coalesce(hit[1], '') end, '' order by place
    )
    from regexp_split_to_table({{ body }}, '{{ pattern }}') with ordinality as parts (part, place)
    left join regexp_matches({{ body }}, '{{ pattern }}', 'g') with ordinality as hits (hit, place) using (place)
)
{%- endmacro %}


{# A column redacted, if that is wanted. The function is called for few: a call costs more than a look. #}
{% macro redacted(column, redact) -%}
    {%- if var('redact_transcripts') -%}
    case when {{ column }} ~ '[@0-9]' then {{ redact }}({{ column }}) else {{ column }} end
    {%- else -%} {{ column }} {%- endif -%}
{%- endmacro %}
