{# One of chat, email, phone, form and messaging; null where the vendor names no channel. #}
{% macro channel(vendor_channel, chat=[], email=[], phone=[], form=[]) -%}
    {%- set names = {'chat': chat, 'email': email, 'phone': phone, 'form': form} -%}
    case
        {%- for name, vendor_names in names.items() if vendor_names %}
        when {{ vendor_channel }} in ('{{ vendor_names | join("', '") }}') then '{{ name }}'
        {%- endfor %}
        when {{ vendor_channel }} is not null then 'messaging'
    end
{%- endmacro %}
