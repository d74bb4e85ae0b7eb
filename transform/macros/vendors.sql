{# The vendors' intermediates of one subject, which have equal columns, with the vendor's name. #}
{% macro union_vendors(
    subject, vendors=['deepconverse', 'devrev', 'dixa', 'zendesk_chat', 'zendesk_messaging']
) -%}
    {%- for vendor in vendors %}
    select '{{ vendor }}' as vendor, {{ vendor }}.*
    from {{ ref('int_' ~ vendor ~ '__' ~ subject) }} as {{ vendor }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
