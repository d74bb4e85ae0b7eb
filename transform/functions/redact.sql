-- A text without e-mail addresses, card, account and phone numbers, and IP addresses. Names and
-- postal addresses stay, and so do numbers that nothing tells from those of an order.
select case when body !~ '[@0-9]' then body else (
    select regexp_replace(
        regexp_replace(without_cards, '{{ personal('ip') }}', '[ip address]', 'g'),
        '{{ personal('phone') }}', '[phone]', 'g'
    )
    from (select regexp_replace(body, '{{ personal('email') }}', '[e-mail]', 'g') as without_mail) as first_step
    cross join lateral (
        select {{ replace_checked('without_mail', personal('iban'), function('is_iban'), '[iban]') }} as without_ibans
    ) as second_step
    cross join lateral (
        select {{ replace_checked('without_ibans', personal('card'), function('is_card_number'), '[card]') }}
            as without_cards
    ) as third_step
) end
